/* What a gateway stops by itself, beside clamd's signatures: ways in that attackers of offices use, recognised by what they
   need, not by one sample. Every rule has a case that fires it and one that doesn't (test/yara). Externals: type, filename. */

rule EICAR_Test_File
{
	meta:
		description = "The test file that every scanner finds"
	strings:
		$a = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
	condition:
		$a at 0 and filesize < 200
}

rule Shortcut_Runs_Interpreter
{
	meta:
		description = "A Windows shortcut that starts a command interpreter with arguments"
	strings:
		$powershell = "powershell" nocase wide ascii
		$mshta = "mshta" nocase wide ascii
		$cmd = "cmd.exe" nocase wide ascii
		$rundll = "rundll32" nocase wide ascii
		$wscript = "wscript" nocase wide ascii
		$hidden = "-w hidden" nocase wide
		$encoded = " -enc" nocase wide
		$http = "http" nocase wide
		$slash_c = " /c " nocase wide
		$javascript = "javascript:" nocase wide
	condition:
		type == "lnk" and any of ($powershell, $mshta, $cmd, $rundll, $wscript) and any of ($hidden, $encoded, $http, $slash_c, $javascript)
}

rule Html_Smuggling
{
	meta:
		description = "A page that builds a program or archive in the browser and saves it"
	strings:
		$blob = "new Blob" nocase
		$save1 = "msSaveOrOpenBlob" nocase
		$save2 = "createObjectURL" nocase
		$atob = "atob(" nocase
		$click = ".click()" nocase
		$download = ".download" nocase
		$zip = /["'`]UEsDB[A-Za-z0-9+\/]{64}/
		$pe = /["'`]TVqQ[A-Za-z0-9+\/]{64}/
		$seven = /["'`]N3q8r[A-Za-z0-9+\/]{60}/
		$rar = /["'`]UmFyIR[A-Za-z0-9+\/]{60}/
		$iso = /["'`]AAAAAAAAAAAAAAAA[A-Za-z0-9+\/]{4000}/
	condition:
		(type == "html" or type == "svg" or type == "text") and $blob and any of ($save*) and $atob and any of ($click, $download) and
		any of ($zip, $pe, $seven, $rar, $iso)
}

rule Script_Downloads_And_Runs
{
	meta:
		description = "A Windows script that fetches a file, writes it and starts it"
	strings:
		$x1 = "MSXML2.XMLHTTP" nocase
		$x2 = "WinHttp.WinHttpRequest" nocase
		$x3 = "Microsoft.XMLHTTP" nocase
		$stream = "ADODB.Stream" nocase
		$save = "SaveToFile" nocase
		$run1 = "WScript.Shell" nocase
		$run2 = "ShellExecute" nocase
	condition:
		type != "html" and type != "pdf" and filesize < 5MB and any of ($x*) and $stream and $save and any of ($run*)
}

rule Powershell_Downloads_And_Runs
{
	meta:
		description = "A command file or script that lets PowerShell run what it fetches or what is encoded"
	strings:
		$ps = "powershell" nocase
		$hidden = /-w(in(dowstyle)?)?\s+h(idden)?/ nocase
		$enc = /-e(nc|ncodedcommand)?\s+[A-Za-z0-9+\/]{60}/ nocase
		$get1 = "DownloadString(" nocase
		$get2 = "DownloadFile(" nocase
		$get3 = "Invoke-WebRequest" nocase
		$iex1 = "IEX" fullword nocase
		$iex2 = "Invoke-Expression" nocase
	condition:
		(type == "bat" or type == "script" or type == "text" or type == "vba" or type == "data") and filesize < 1MB and $ps and $hidden and
		($enc or (any of ($get*) and any of ($iex*)))
}

rule Hta_Application
{
	meta:
		description = "An HTML application: a page that is run with all rights of the user"
	strings:
		$hta = "<hta:application" nocase
		$vbs = "vbscript" nocase
		$shell = "WScript.Shell" nocase
		$app = "Shell.Application" nocase
	condition:
		((type == "html" or type == "text" or type == "xml") and $hta and ($vbs or $shell or $app)) or
		(filename matches /\.hta$/i and ($shell or $app))
}

rule Office_Remote_Template
{
	meta:
		description = "A document that loads its template, and the template's macros, from the Internet"
	strings:
		$relations = "schemas.openxmlformats.org/package/2006/relationships"
		$template = /relationships\/attachedTemplate"[^>]{0,400}Target="https?:/ nocase
		$template2 = /Target="https?:[^>]{0,400}relationships\/attachedTemplate"/ nocase
	condition:
		type == "xml" and $relations and any of ($template*)
}

rule Office_Dde_Command
{
	meta:
		description = "A document whose field starts a program (DDE)"
	strings:
		$dde = /<w:instrText[^>]{0,60}>\s*DDE(AUTO)?\b/
		$dde2 = /w:instr="\s*DDE(AUTO)?\b/
	condition:
		type == "xml" and any of them
}

rule Office_Macro_Starts_Itself
{
	meta:
		description = "A macro that runs when the document is opened and starts a program or fetches one"
	strings:
		$auto1 = "AutoOpen" nocase
		$auto2 = "Auto_Open" nocase
		$auto3 = "Document_Open" nocase
		$auto4 = "Workbook_Open" nocase
		$auto5 = "AutoExec" nocase
		$run1 = "WScript.Shell" nocase
		$run2 = "Shell.Application" nocase
		$run3 = "URLDownloadToFile" nocase
		$run4 = "Win32_Process" nocase
		$run5 = "VirtualAlloc" nocase
		$run6 = "MSXML2.XMLHTTP" nocase
		$run7 = /\bShell\s*\(/ nocase
	condition:
		type == "vba" and any of ($auto*) and any of ($run*)
}

rule Rtf_Equation_Editor
{
	meta:
		description = "An RTF that feeds Equation Editor (CVE-2017-11882, CVE-2018-0802)"
		reference = "https://nvd.nist.gov/vuln/detail/CVE-2017-11882"
	strings:
		$object = "\\objdata" nocase
		$name = "4571756174696f6e2e33" nocase
		$clsid = "02ce020000000000c000000000000046" nocase
	condition:
		type == "rtf" and $object and any of ($name, $clsid)
}

rule Pdf_Launches_Program
{
	meta:
		description = "A PDF whose action starts a program"
	strings:
		$launch = /\/S\s*\/Launch\b/
		$win = /\/Win\s*<</
		$f = /\/F\s*\(?[^>]{0,80}(cmd|powershell|mshta|wscript)/ nocase
	condition:
		type == "pdf" and $launch and any of ($win, $f)
}

rule Onenote_Embeds_Script
{
	meta:
		description = "A OneNote page with a script or program behind its pictures"
	strings:
		$file = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC }
		$s1 = "WScript.Shell" nocase wide ascii
		$s2 = "powershell" nocase wide ascii
		$s3 = "<hta:application" nocase wide ascii
		$s4 = "mshta" nocase wide ascii
		$s5 = "@echo off" nocase
		$s6 = "This program cannot be run in DOS mode"
	condition:
		type == "onenote" and $file and any of ($s*)
}

rule Webshell_Php
{
	meta:
		description = "A PHP page that runs what a visitor sends"
	strings:
		$eval1 = /\b(eval|assert|system|shell_exec|passthru|exec)\s*\(\s*@?\$_(POST|GET|REQUEST|COOKIE)/ nocase
		$eval2 = /\beval\s*\(\s*(base64_decode|gzinflate|str_rot13)\s*\(/ nocase
	condition:
		type == "php" and filesize < 1MB and any of them
}

rule Name_Hides_Program
{
	meta:
		description = "A program that is named as a document, or whose name is turned round"
	condition:
		(type == "pe" or type == "mz" or type == "lnk" or type == "bat" or type == "msi") and
		(filename matches /\.(pdf|docx?|xlsx?|pptx?|jpe?g|png|gif|txt|csv|zip|mp4)[ _\t]*\.(exe|scr|com|pif|lnk|bat|cmd|msi)$/i or
		 filename contains "\xe2\x80\xae")
}
