#!/bin/bash
# badssl.com's cases rebuilt here: origins that are wrong each in its own way, and ones that only look odd, as toride-proxyd meets them
# when it looks into TLS: the terminal sees the cloud's certificate, so that what is behind it is the proxy's to judge. doc/BADSSL.md has
# the whole list. proxy-lib.sh has the bed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/proxy-lib.sh"

echo here >www/page
openssl_() { openssl "$@" >>pki.log 2>&1 || { echo "openssl $*" >>pki.failed; return 1; }; }
key() { case $2 in # NAME p256|p384|rsa:BITS
	rsa:*) openssl_ genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:${2#rsa:} -out "$1.key" ;;
	*) openssl_ genpkey -algorithm EC -pkeyopt ec_paramgen_curve:${2/p/P-} -out "$1.key" ;;
	esac; }
# An authority signs with dates and digest as told: openssl's own small one.
printf '[ca]\ndefault_ca = a\n[a]\ndatabase = index\nrand_serial = yes\npolicy = p\nunique_subject = no\ncopy_extensions = none\nnew_certs_dir = .\n[p]\ncommonName = optional\n' >ca.cnf
: >index
day() { date -u -d "$1 days" +%Y%m%d%H%M%SZ; }
# issue NAME AUTHORITY KEYKIND SUBJECT EXTENSIONS [DIGEST [FROM TO]]
issue() {
	key "$1" "$3"
	openssl_ req -new -key "$1.key" -subj "$4" -out "$1.csr"
	printf '%b' "$5" >"$1.ext"
	openssl_ ca -batch -notext -config ca.cnf -cert "$2.pem" -keyfile "$2.key" -in "$1.csr" -out "$1.crt" -extfile "$1.ext" -md "${6:-sha256}" \
		-startdate "$(day "${7:--1}")" -enddate "$(day "${8:-30}")"
	[ -e "$1.pem" ] || ln -s "$1.crt" "$1.pem"
}
good() { issue "$1" good "${2:-p256}" "/CN=$1.example" "subjectAltName=DNS:$1.example\n" "${@:3}"; }
CA='basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n'
many() { printf 'subjectAltName=DNS:%s.example' "$1"; seq -f ",DNS:n%g.$1.example" "$2" | tr -d '\n'; }
{ make_ca good; make_ca other; } >/dev/null 2>&1
good fine; good expired p256 sha256 -9 -1; good future p256 sha256 3 9
good rsa2048 rsa:2048; good rsa4096 rsa:4096; good rsa1024 rsa:1024; good p384 p384 sha384; good sha512 p256 sha512; good sha1 p256 sha1
issue wronghost good p256 /CN=wronghost.example 'subjectAltName=DNS:elsewhere.example\n'
issue wildcard good p256 /CN=x 'subjectAltName=DNS:*.wildcard.example\n'
issue onlycn good p256 /CN=onlycn.example 'keyUsage=digitalSignature\n'
issue nosubject good p256 / 'subjectAltName=critical,DNS:nosubject.example\n'
issue untrusted other p256 /CN=untrusted.example 'subjectAltName=DNS:untrusted.example\n'
issue sans1000 good p256 /CN=x "$(many sans1000 1000)"
issue sans10000 good p256 /CN=x "$(many sans10000 10000)"
issue client good p256 /CN=x 'subjectAltName=DNS:client.example\nextendedKeyUsage=clientAuth\n'
openssl_ req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout self.key -out self.crt -days 30 -subj /CN=self.example -addext subjectAltName=DNS:self.example
issue between good p256 /CN=between "$CA"
issue between1 good p256 /CN=between1 "$CA" sha1
issue leafca good p256 /CN=leafca 'basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:leafca.example\n'
for i in chain:between incomplete:between sha1chain:between1 byleaf:leafca; do
	issue "${i%:*}" "${i#*:}" p256 "/CN=${i%:*}.example" "subjectAltName=DNS:${i%:*}.example\n"
done
for i in chain:between sha1chain:between1 byleaf:leafca; do cat "${i#*:}.crt" >>"${i%:*}.crt"; done
# Certificates with an authority's word beside them (OCSP), and ones that say they are good with it only (RFC 7633).
issue helper good rsa:2048 /CN=helper 'extendedKeyUsage=OCSPSigning\n'
for i in revoked revoked12 stapled stale elses; do good $i; done
for i in must mustnone muststale mustelses; do issue $i good p256 "/CN=$i.example" "subjectAltName=DNS:$i.example\ntlsfeature=status_request\n"; done
# … and ones that say where their authority may be asked: by a list of its own, by a question (OCSP), at places where nothing good is.
says_where() { issue $1 good p256 "/CN=$1.example" "subjectAltName=DNS:$1.example\n$2\n"; } # NAME EXTENSION
for i in listed listgood listfree later; do says_where $i 'crlDistributionPoints=URI:http://authority.example/good.crl'; done
for i in asked askgood; do says_where $i 'authorityInfoAccess=OCSP;URI:http://authority.example:8888/'; done
says_where both 'crlDistributionPoints=URI:http://authority.example/none.crl\nauthorityInfoAccess=OCSP;URI:http://authority.example:8888/'
says_where elselist 'crlDistributionPoints=URI:http://authority.example/other.crl'
says_where inside 'crlDistributionPoints=URI:http://within.example/good.crl'
says_where ssh 'crlDistributionPoints=URI:http://authority.example:22/good.crl'
# Authorities in between, of which the one above says where it may be asked; and what each stands behind.
between() { issue $1 good p256 "/CN=$1" "$CA$2\n"; shift 2; for i; do issue $i $mid p256 "/CN=$i.example" "subjectAltName=DNS:$i.example\n"; cat $mid.crt >>$i.crt; done; } # NAME EXTENSION LEAF...
mid=midlisted; between $mid 'crlDistributionPoints=URI:http://authority.example/top.crl' belowlisted
mid=midasked; between $mid 'authorityInfoAccess=OCSP;URI:http://authority.example:8888/' belowasked
mid=midgood; between $mid 'crlDistributionPoints=URI:http://authority.example/top.crl' belowgood belowgood2
mid=midsilent; between $mid 'crlDistributionPoints=URI:http://within.example/top.crl' belowsilent
below="belowlisted belowasked belowgood belowgood2 belowsilent"
slow=$(seq -f slow%g 16 | tr '\n' ' ')
for i in late latebank latebusy $slow; do says_where $i 'crlDistributionPoints=URI:http://slow.example/good.crl'; done
asking="listed listgood listfree later asked askgood both elselist inside ssh late latebank latebusy"
for i in listed asked both inside ssh late latebank latebusy elselist midlisted midasked midsilent; do openssl_ ca -config ca.cnf -md sha256 -cert good.pem -keyfile good.key -revoke $i.crt; done
for i in revoked revoked12; do openssl_ ca -config ca.cnf -md sha256 -cert good.pem -keyfile good.key -crl_reason keyCompromise -revoke $i.crt; done
says() { openssl_ ocsp -index index -CA good.pem -rsigner "${2:-good}.crt" -rkey "${2:-good}.key" -issuer good.pem -cert "$1.crt" -respout "$1.ocsp" -ndays 1; } # NAME [BY]
ln -s good.pem good.crt
# The same word of 2020: its times are changed and it is signed anew, which is as long with RSA.
aged() {
	perl -0777 -e '$_ = <>; s/(?<=\x18\x0f)\d{14}(?=Z)/20200101000000/g; /\x30\x01\x01\x04\x82..\x30\x82..(?=\x30(?:([\x00-\x7f])|\x81(.)|\x82(..)))/gs or die;
		my $n = defined $1 ? 2 + ord $1 : defined $2 ? 3 + ord $2 : 4 + unpack("n", $3); my $at = pos; open my $t, ">", "tbs" or die; print $t substr $_, $at, $n; close $t;
		system(qw(openssl dgst -sha256 -sign helper.key -out sig tbs)) == 0 or die; open my $s, "<", "sig" or die; my $sig = <$s>; length $sig == 256 or die;
		my $end = index $_, "\x03\x82\x01\x01\0", $at + $n; $end > 0 or die; substr($_, $end + 5, 256) = $sig; print' "$1.ocsp" >aged && mv aged "$1.ocsp" || echo "aged $1" >>pki.failed
}
for i in revoked revoked12 stapled elses; do says $i; done; says must helper
for i in stale muststale; do says $i helper; aged $i; done
list() { openssl_ ca -config ca.cnf -gencrl -crldays 3 -md sha256 -cert $1.pem -keyfile $1.key -out $1.crl.pem && openssl_ crl -in $1.crl.pem -outform DER -out www/$1.crl; }
list good; list other; cp www/good.crl www/top.crl
openssl_ dhparam -dsaparam -out dh1024.pem 1024
ok "$([ -e pki.failed ]; echo $((1 - $?)))" "authorities and certificates are made"
[ ! -e pki.failed ] || { cat pki.failed; tail -n 5 pki.log; }

# ---- the origins, by their server's words: an address each. What an honest OpenSSL wouldn't serve any more is let be served.
printf 'openssl_conf = d\n[d]\nssl_conf = s\n[s]\nsystem_default = x\n[x]\nMinProtocol = None\nCipherString = DEFAULT:@SECLEVEL=0\n' >weak.cnf
names=() last=1
origin() { # NAME CERTIFICATE [WORDS]
	last=$((last + 1)); names+=("$1:127.0.1.$last")
	echo "server { listen 127.0.1.$last:443 ssl; ssl_certificate $2.crt; ssl_certificate_key $2.key; ${3:-} }" >>servers.conf
}
wrong="expired future rsa1024 sha1 wronghost onlycn untrusted sans10000 client self incomplete sha1chain byleaf"
fine="fine rsa2048 rsa4096 p384 sha512 nosubject sans1000 chain"
for i in $wrong $fine; do origin $i $i; done
origin deep.below.wildcard wildcard; origin one.wildcard wildcard
weak="ssl_protocols TLSv1.2; ssl_ciphers"
origin tls10 fine "ssl_protocols TLSv1; ssl_ciphers ALL:@SECLEVEL=0;"; origin tls11 fine "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;"
origin tls12 tls12 "ssl_protocols TLSv1.2;"; origin tls13 tls13 "ssl_protocols TLSv1.3;"; good tls12; good tls13
for i in cbc:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-SHA staticrsa:AES128-GCM-SHA256:AES256-GCM-SHA384 null:eNULL anonymous:aNULL; do
	good ${i%%:*} rsa:2048; origin ${i%%:*} ${i%%:*} "$weak ${i#*:}:@SECLEVEL=0;"
done
good dh1024 rsa:2048; origin dh1024 dh1024 "$weak DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0; ssl_dhparam dh1024.pem;"
good wantsclient; origin wantsclient wantsclient "ssl_verify_client optional_no_ca;"; good needsclient; origin needsclient needsclient "ssl_verify_client on; ssl_client_certificate good.pem;"
for i in $asking $below $slow; do origin $i $i "location = /drip { limit_rate 8k; }"; done; head -c 160000 /dev/urandom >www/drip
names+=(authority:127.0.3.1 within:10.9.9.9 slow:127.0.3.3); ip addr add 10.9.9.9/32 dev lo
echo "server { listen 127.0.3.1:80; listen 127.0.3.1:22; listen 10.9.9.9:80; access_log $top/lists.log lists; location / { root $top/www; } }" >>servers.conf
good cardold; good cardnew; names+=(cardold:127.0.2.1 cardnew:127.0.2.2)
good clinic; origin clinic clinic "client_header_timeout 600s;"; good bank; origin bank bank; origin oldbank expired
good apart; origin apart apart "client_header_timeout 600s;"
staple() { origin "$1" "$1" "ssl_stapling on; ssl_stapling_file $top/$2.ocsp; ${3:-}"; } # NAME WHOSE
for i in revoked stapled stale must muststale; do staple $i $i; done
staple revoked12 revoked12 "ssl_protocols TLSv1.2;"; staple elses stapled; staple mustelses stapled; origin mustnone mustnone
cat >nginx.conf <<-END
	daemon off; pid $top/nginx.pid; error_log $top/nginx.err; worker_processes 1; user root;
	events { worker_connections 512; }
	http { access_log off; client_body_temp_path $top/b; proxy_temp_path $top/ptmp; fastcgi_temp_path $top/f; uwsgi_temp_path $top/u; scgi_temp_path $top/s;
	  log_format lists '\$server_addr:\$server_port \$uri'; root $top/www; include servers.conf; }
END
jq -n --arg ca "$(cat good.pem)" --arg names "${names[*]}" '
	{v:1, threads:1, service:{name:"試験クラウド",name_en:"Test cloud"}, proxy:{addr4:"127.0.0.1",addr6:"::1",port:8080},
	 connect_ports:[443], refuse:[], origin_ca:[$ca], black:[],
	 dev:{except:["127.0.0.0/8"], asked_ms:120000, verdict_ms:4000, held_mib:64, held_ms:4000, hosts:[$names | split(" ")[] | split(":") | {name:(.[0] + ".example"), addr:.[1]}]},
	 orgs:[{code:"412023",index:2,port:8081,name:"唐津市",name_en:"Karatsu",interface:"",tls_decryption:true,revocation:"hard",scan_fail:"closed",scan_max_mib:8,url:{}},
	  {code:"412031",index:3,port:8082,name:"鳥栖市",name_en:"Tosu",interface:"",tls_decryption:true,revocation:"off",scan_fail:"closed",scan_max_mib:8,url:{}},
	  {code:"412015",index:1,name:"佐賀市",name_en:"Saga",interface:"",tls_decryption:true,no_decrypt:[],no_decrypt_categories:["health","finance"],no_decrypt_until:[{expires_ms:1577836800000,owner:"課",names:["fine.example"]},{expires_ms:4102444800000,owner:"税務課",names:["apart.example"]}],scan_fail:"closed",scan_max_mib:8,unscannable_allow:false,url:{}}]}' \
	>state/generations/a/proxyd.json
mkdir -p state/feeds/url
index() { printf '%s\n' "$@" >list.csv; "$bin/toride" url import list.csv -o state/feeds/url/url.index --shrink >import.log 2>&1; }
try "an index of categories is built" index clinic.example,health bank.example,finance oldbank.example,finance fine.example/page,finance rsa2048.example,games
OPENSSL_CONF=$top/weak.cnf run nginx -p "$top" -c "$top/nginx.conf"
run clamd -c "$top/clamd.conf"
# Two that end the handshake of who has no certificate, as IIS and Apache do: TLS 1.2 in it, TLS 1.3 behind it (RFC 8446 section 4.4.2.4).
for i in cardold:1:tls1_2 cardnew:2:tls1_3; do
	openssl s_server -accept 127.0.2.$(cut -d: -f2 <<<$i):443 -cert ${i%%:*}.crt -key ${i%%:*}.key -CAfile good.pem -Verify 3 -verify_return_error -${i##*:} -www >${i%%:*}.log 2>&1 & pids="$! $pids"
done
# The authority itself: one that answers, and one that answers when there is a file `speak`.
openssl ocsp -index index -CA good.pem -rsigner good.crt -rkey good.key -port 8888 -ndays 1 >ocsp.log 2>&1 & pids="$! $pids"
cat >slow.pl <<-'END'
	use IO::Socket::INET; $SIG{CHLD} = 'IGNORE'; my $l = IO::Socket::INET->new(LocalAddr => '127.0.3.3', LocalPort => 80, Listen => 64, ReuseAddr => 1) or die;
	while (my $s = $l->accept) { next if fork; while (<$s>) { last if /^\r?$/ } open my $f, '>>', 'slow.log'; print $f "asked\n"; close $f;
		for (1 .. 900) { last if -e 'speak'; select undef, undef, undef, 0.1 } my $b = do { local (@ARGV, $/) = 'www/good.crl'; <> };
		print $s "HTTP/1.1 200 OK\r\nContent-Length: " . length($b) . "\r\n\r\n$b"; exit 0 }
END
run perl slow.pl
proxy_start
until_true 10 bash -c 'exec 3<>/dev/tcp/127.0.1.2/443' || cat nginx.log nginx.err

A="-x http://127.0.0.1:8080 --cacert run/ca.pem"
address() { local n; for n in "${names[@]}"; do [ "${n%:*}" != "$1" ] || echo "${n#*:}"; done; }
# The origin is there, and would serve whoever doesn't look: else a refusal would say nothing.
there() { OPENSSL_CONF=$top/weak.cnf openssl s_client -connect "$(address "$1"):443" -servername "$1.example" -cipher ALL:COMPLEMENTOFALL:@SECLEVEL=0 </dev/null >said 2>&1; grep -q "^SSL-Session:\|^New, " said && ! grep -q "Cipher is (NONE)" said; }
refused() { # NAME WHY
	try "control: $1 serves whoever doesn't look" there "$1"
	try "$2: a page that says so" page 502 安全性を確認できません $A "https://$1.example/page"
}
for i in $fine one.wildcard tls12 tls13 wantsclient; do try "$i: what is behind it comes" eval "get 200 $A https://$i.example/page && cmp out www/page"; done
refused expired "a certificate that has ended"
try "the page says which, in both languages" eval 'grep -q サーバー証明書の有効期限が切れています out && grep -q "The certificate has expired" out'
of() { openssl x509 -in "$1.crt" -outform DER | sha256sum | cut -c1-64; }
try "its event names the certificate" event "\"certificate\":\\{\"fingerprint\":\"$(of expired)\",\"issuer\":\"CN=good\",\"expiration_time\":[0-9]{13}\\},\"sni\":\"expired.example\""
try "its event names the rule" event '"sni":"expired.example",[^{}]*"intercepted":true},[^{}]*"rule":{"uid":"tls.origin"},"message":"certificate has expired"'
refused future "one that isn't good yet"
refused wronghost "one for another name"
try "the page says which" grep -q この接続先の名前のものではありません out
refused onlycn "one whose name stands in its subject alone (RFC 9525 section 1.2)"
refused deep.below.wildcard "a star stands for one label (RFC 9525 section 6.3)"
refused self "one that signed itself"
refused untrusted "one of an authority nobody trusts: Superfish, eDellRoot, a box in between"
refused incomplete "a chain with a link missing, which isn't fetched from where it says"
refused byleaf "a chain by way of a certificate that is no authority's"
refused client "one that isn't for servers"
refused sha1 "a signature with SHA-1"
refused sha1chain "… further up the chain"
refused rsa1024 "a key of 1,024 bits"
try "ten thousand names, more than a handshake should hold (OpenSSL's client neither): a page that says so" page 502 安全性を確認できません $A https://sans10000.example/page
refused tls10 "TLS 1.0"
refused tls11 "TLS 1.1"
refused cbc "no cipher that authenticates (CBC)"
refused staticrsa "a key exchange without forward secrecy"
refused null "no encryption at all"
refused anonymous "nobody's key"
refused dh1024 "a Diffie-Hellman group of 1,024 bits"
# ---- what isn't looked into for a time
try "an exception that lasts: the origin's own certificate comes" get 200 -x http://127.0.0.1:8080 --cacert good.pem https://apart.example/page
try "one that has ended: the cloud's" get 200 $A https://fine.example/page

# ---- names asked of others (DoH), and names hidden (ECH)
doh() { page 403 "外部の名前解決" $A "$@"; }
try "a question to a resolver on the web is refused: by what it says it wants" doh -H 'Accept: application/dns-message' https://fine.example/dns-query
try "by what it brings" doh -H 'Content-Type: application/dns-message' --data-binary x https://fine.example/dns-query
try "the JSON kind" doh -H 'accept: text/html, Application/DNS-JSON' 'https://fine.example/resolve?name=x'
try "by the message in its query alone, in HTTP/1.1 too" doh --http1.1 'https://fine.example/page?a=b&dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB'
try "its event says so" event '"hostname":"fine.example".*"rule":\{"uid":"doh"'
try "what only has such a name isn't" get 200 $A 'https://fine.example/page?dns=www.example.com-is-longer-than-that'
ech() { openssl s_client -connect "$1:443" -proxy 127.0.0.1:8080 -servername "$2" -CAfile "$3" -verify_return_error -serverinfo 65037 </dev/null >said 2>&1; grep -q "Verify return code: 0 (ok)" said && ! grep -q "SERVERINFO FOR EXTENSION 65037" said; }
try "who hides the name is answered as by a server that knows no ECH: opened, under the outer name" ech fine.example fine.example run/ca.pem
try "an outer name that isn't the one asked for is opened, whatever isn't looked into" ech clinic.example fine.example run/ca.pem
try "grease does no harm to what isn't looked into" ech clinic.example clinic.example good.pem

# ---- categories that aren't looked into
try "a clinic's own certificate comes" get 200 -x http://127.0.0.1:8080 --cacert good.pem https://clinic.example/page
try "the event has its category, how the terminal speaks, and that it wasn't opened" event '"hostname":"clinic.example","categories":\["health"\].*"sni":"clinic.example","ja4":"t1[^"]*","intercepted":false'
try "and the certificate, which we verified first" event "\"fingerprint\":\"$(of clinic)\",\"issuer\":\"CN=good\",\"expiration_time\":[0-9]{13}\\},\"sni\":\"clinic.example\""
try "a bank's too, and again" eval 'get 200 -x http://127.0.0.1:8080 --cacert good.pem https://bank.example/page && get 200 -x http://127.0.0.1:8080 --cacert good.pem https://bank.example/page'
try "one whose certificate isn't its own: a page that says so" page 502 安全性を確認できません $A https://oldbank.example/page
try "a path's category opens nothing, nor another category" eval 'get 200 $A https://fine.example/page && get 200 $A https://rsa2048.example/page'
other_name() { openssl s_client -connect clinic.example:443 -proxy 127.0.0.1:8080 -servername fine.example -CAfile run/ca.pem -verify_return_error </dev/null 2>&1 | grep -q "Verify return code: 0 (ok)"; }
try "another server name in a tunnel to the clinic is opened" other_name
mkfifo held; openssl s_client -connect clinic.example:443 -proxy 127.0.0.1:8080 -servername clinic.example -CAfile good.pem <held >clinic 2>&1 & clinic=$!; pids="$! $pids"
exec {held}>held
try "a tunnel to the clinic is open" until_true 10 grep -q "Verify return code: 0 (ok)" clinic
try "the index says otherwise" index bank.example,finance latebank.example,finance
try "and it is cut" until_true 15 eval '! kill -0 $clinic 2>/dev/null'
try "from now on it is opened" get 200 $A https://clinic.example/page

# ---- the authority's word of whether it still stands by its certificate
comes() { get 200 $A "https://$1.example/page" && cmp out www/page; }
brings() { openssl s_client -connect "$(address "$1"):443" -servername "$1.example" -CAfile good.pem -status </dev/null >said 2>&1; grep -q "OCSP Response Status: successful" said; } # NAME
for i in revoked revoked12 stapled stale elses must muststale mustelses; do try "control: $i brings its authority's word" brings $i; done
try "control: what is old was signed by who may" eval 'openssl ocsp -issuer good.pem -cert stale.crt -respin stale.ocsp -CAfile good.pem -no_nonce -validity_period 2000000000 2>&1 | grep -q "Response verify OK"'
refused revoked "a certificate that its authority has revoked"
try "the page says that, in both languages" eval 'grep -q 発行した認証局によって失効させられています out && grep -q "was revoked by the authority" out'
try "its event says that" event '"sni":"revoked.example",[^{}]*"intercepted":true},[^{}]*"rule":{"uid":"tls.origin"},"message":"certificate revoked"'
refused revoked12 "… in TLS 1.2"
refused mustnone "no word of an authority whose certificate is good with it only"
try "the page says that" grep -q 失効していないことの証明が必要な証明書 out
refused muststale "… one of 2020"
refused mustelses "… one about another certificate"
for i in stapled must stale elses; do try "$i: what is behind it comes" comes $i; done
at_least() { [ "$(counter 412015 "$1")" -ge "$2" ]; }
try "counted: revoked, good, of no use, none" eval 'until_true 5 at_least revoked 2 && until_true 5 at_least stapled 2 && until_true 5 at_least staple_unfit 4 && until_true 5 at_least unstapled 5'
try "one that wants a certificate of the client gets none, and says so itself" eval 'get 400 $A https://needsclient.example/page && grep -q "No required SSL certificate" out'
# ---- the authority is asked, where nothing is stapled
hard="-x http://127.0.0.1:8081 --cacert run/ca.pem" off="-x http://127.0.0.1:8082 --cacert run/ca.pem"
try "control: none of them brings its authority's word along" eval 'for i in $asking; do brings $i; grep -q "OCSP response: no response sent" said || return 1; done'
try "control: the authority answers questions" eval 'openssl ocsp -issuer good.pem -cert asked.crt -url http://127.0.3.1:8888/ -CAfile good.pem 2>&1 | grep -q "asked.crt: revoked"'
refused listed "a certificate on its authority's list"
try "the page says that" grep -q 発行した認証局によって失効させられています out
try "its event says that" event '"sni":"listed.example",[^{}]*"intercepted":true},[^{}]*"rule":{"uid":"tls.origin"},"message":"certificate revoked"'
try "one that isn't on it" comes listgood
try "the list was fetched once for both" is "$(grep -c '127.0.3.1:80 /good.crl' lists.log)" 1
refused asked "a certificate of which its authority says so when asked"
try "one of which it says good" comes askgood
refused both "no list where one should be: the question decides"
try "another authority's list says nothing" comes elselist
try "an address inside is never asked" eval 'comes inside && ! grep -q 10.9.9.9 lists.log'
try "nor a port that isn't the web's" eval 'comes ssh && ! grep -q ":22 " lists.log'
try "where silence refuses, they are refused" eval 'for i in elselist inside ssh; do page 502 安全性を確認できません $hard "https://$i.example/page" && grep -q 認証局に確認できません out || return 1; done'
try "and what is good comes there too" eval 'get 200 $hard https://listgood.example/page && get 200 $hard https://askgood.example/page && get 200 $hard https://fine.example/page'
refused belowlisted "a certificate of an authority that is revoked itself, by the list of the one above"
try "the page says which, in both languages" eval 'grep -q その上の認証局によって失効させられています out && grep -q "was itself revoked" out'
try "and its event" event '"sni":"belowlisted.example",[^{}]*"intercepted":true},[^{}]*"rule":{"uid":"tls.origin"},"message":"an authority in between is revoked"'
refused belowasked "… by its answer"
try "one of an authority that isn't comes, where silence refuses too" eval 'comes belowgood && get 200 $hard https://belowgood2.example/page'
try "its list was fetched once for all of them" is "$(grep -c '127.0.3.1:80 /top.crl' lists.log)" 1
try "where nobody can be asked about it: passes, or is refused, as the body says" eval 'comes belowsilent && page 502 安全性を確認できません $hard https://belowsilent.example/page && grep -q 認証局に確認できません out'
try "where nobody is to be asked, nobody is" eval 'get 200 $off https://listed.example/page'
try "an authority that doesn't answer holds nobody up for long" eval 'comes late && [ -s slow.log ]'
try "nor what isn't looked into" get 200 -x http://127.0.0.1:8080 --cacert good.pem https://latebank.example/page
silent=$(counter 412015 revocation_unknown)
curl -s -o drip -m 120 $A https://latebusy.example/drip & dripping=$!; pids="$! $pids"
try "nor what comes slowly" until_true 10 at_least revocation_unknown $((silent + 1))
for i in $slow; do curl -s -o /dev/null -m 20 $A https://$i.example/page & pids="$! $pids"; done
try "one body's slow authorities" until_true 8 eval '[ $(wc -l <slow.log) -ge 16 ]'
try "leave another body's questions room" get 200 $hard https://listfree.example/page
touch speak
try "when it does, the next one is refused" until_true 15 page 502 安全性を確認できません $A https://late.example/page
try "and is looked into, for the page, where it wasn't" until_true 15 page 502 安全性を確認できません $A https://latebank.example/page
try "what was under way comes to its end" eval 'wait $dripping && cmp drip www/drip'
try "and its connection isn't used again" page 502 安全性を確認できません $A https://latebusy.example/page
openssl_ ca -config ca.cnf -md sha256 -cert good.pem -keyfile good.key -revoke later.crt; list good
"$here/shift-clock" $proxyd $((13 * 3600000))
refused later "a list is asked for again after half a day, though it says that the next one comes in three days"
"$here/shift-clock" $proxyd $((-13 * 3600000))
try "counted: asked, no answer" eval 'until_true 5 at_least revocation_asked 9 && until_true 5 at_least revocation_unknown 4'

# ---- what inspection doesn't get on with: told, never excepted by itself
try "its event says that it asked" event '"sni":"needsclient.example",("ja4":"[^"]*",)?"client_certificate":"asked"'
try "one that only would like one: too" event '"sni":"wantsclient.example",("ja4":"[^"]*",)?"client_certificate":"asked"'
with_key() { openssl s_client -connect "$(address "$1"):443" -servername "$1.example" -cert fine.crt -key fine.key -CAfile good.pem </dev/null 2>&1 | grep -q "Verify return code: 0 (ok)"; }
for i in cardold cardnew; do
	try "control: $i serves who has a certificate" until_true 5 with_key $i
	try "who has none: a page that says what it wants" page 502 端末の電子証明書が必要な接続先です $A https://$i.example/
	try "and its event" event "\"sni\":\"$i.example\".*\"rule\":\\{\"uid\":\"tls.client_certificate\"\\}"
done
refuses() { curl -s -m 20 -o /dev/null -x http://127.0.0.1:8080 --cacert good.pem "$@"; is $? 60; }
for i in 1.2 1.3; do
	try "a program that trusts another authority only refuses us (TLS $i)" refuses --tls-max $i --tlsv$i https://tls${i/.}.example/page
	try "its event says so, and how it speaks" event "\"sni\":\"tls${i/.}.example\",\"ja4\":\"t${i/.}[^\"]*\".*\"rule\":\\{\"uid\":\"tls.client\"\\},\"message\":\"the program refused the certificate: unknown_ca\""
done
try "and the next one is opened all the same" get 200 $A https://tls13.example/page
try "no refusal was a fault of ours" eval 'get 200 $A https://fine.example/page && cmp out www/page'
# ---- programs that are refused by how they speak: of the terminal's ClientHello, whatever is behind it
ja4_of() { grep -aoE "\"sni\":\"$1\",\"ja4\":\"t12[^\"]*" events.bin | tail -n 1 | cut -d'"' -f8; }
has_ja4() { [ -n "$(ja4_of "$1")" ]; }
s12() { openssl s_client -tls1_2 -connect "$1:443" -proxy "127.0.0.1:${3:-8080}" -servername "$1" -CAfile "$2" -verify_return_error 2>&1; }
old="--tls-max 1.2"
try "control: a program that is to be refused is served, opened and not" eval 'get 200 $A $old https://rsa4096.example/page && get 200 -x http://127.0.0.1:8080 --cacert good.pem $old https://bank.example/page'
try "control: another one too" eval 's12 apart.example good.pem </dev/null | grep -q "Verify return code: 0 (ok)"'
try "their fingerprints stand in the events" eval 'until_true 5 has_ja4 rsa4096.example && until_true 5 has_ja4 apart.example'
program=$(ja4_of rsa4096.example) other=$(ja4_of apart.example)
try "and aren't one" eval '[ -n "$program" ] && [ -n "$other" ] && [ "$program" != "$other" ]'
mkfifo kept; s12 apart.example good.pem <kept >keeps & pids="$! $pids"; keeps=$!
exec {kept}>kept
try "a tunnel of the other one is open" until_true 10 grep -q "Verify return code: 0 (ok)" keeps
jq --arg program "$program" --arg other "$other" '.deny_ja4 = [$program] | (.orgs[] | select(.code == "412015")).deny_ja4 = ["t13d1516h2_8daaf6152771_e5627efa2ab1", $other]' \
	state/generations/a/proxyd.json >state/generations/b/proxyd.json
taken() { : >run/ready/proxyd; ln -sfn "generations/$1" state/current; kill -HUP $proxyd; until_true 5 grep -q "sha256:$1" run/ready/proxyd; }
try "both are put on lists: the cloud's, and the body's" taken b
denied() { event "\"sni\":\"$1\",\"ja4\":\"$2\",\"intercepted\":$3\\},[^{}]*\"disposition\":\"$4\",\"rule\":\\{\"uid\":\"$5\""; } # NAME JA4 OPENED DISPOSITION RULE
try "the tunnel is cut" until_true 15 eval '! kill -0 $keeps 2>/dev/null'
try "its event names the body's list" denied apart.example "$other" false Reset 'url.deny_ja4\[1\]'
try "what is looked into: the page, before anybody asks the origin who it is" page 403 このプログラムでの通信は制限されています $A $old https://expired.example/page
try "in English too, and the event names the cloud's list" eval 'grep -q "This program may not be used" out && denied expired.example "$program" true Blocked "service.deny_ja4\[0\]"'
alerted() { curl -sv -m 20 -o out -x http://127.0.0.1:8080 --cacert good.pem $old "$1" 2>&1 | grep -qi "alert.*access denied"; }
try "what isn't looked into, by name: the alert" alerted https://apart.example/page
try "and its event" denied apart.example "$program" false Blocked 'service.deny_ja4\[0\]'
try "what isn't by its category: opened, for the page" page 403 このプログラムでの通信は制限されています $A $old https://bank.example/page
try "one that refuses our certificate is refused by its way of speaking" refuses $old https://tls12.example/page
try "its event says that, not that its handshake failed" denied tls12.example "$program" false Blocked 'service.deny_ja4\[0\]'
try "one that asks for nothing" eval 's12 fine.example run/ca.pem </dev/null | grep -q "Verify return code: 0 (ok)"'
try "is in the events all the same" denied fine.example "$other" true Blocked 'url.deny_ja4\[1\]'
try "other programs of the same terminal go on" eval 'get 200 $A https://fine.example/page && get 200 -x http://127.0.0.1:8080 --cacert good.pem https://bank.example/page'
try "the body's list is no other body's; the cloud's is everybody's" eval '{ printf "GET /page HTTP/1.0\r\nHost: fine.example\r\n\r\n"; until_true 10 grep -q ^here asked; } | s12 fine.example run/ca.pem 8081 >asked; grep -q ^here asked && page 403 このプログラム $hard $old https://fine.example/page'
try "taken off the lists" taken a
try "they are served again" eval 'get 200 $A $old https://rsa4096.example/page && get 200 -x http://127.0.0.1:8080 --cacert good.pem $old https://bank.example/page'
# ---- an exception's end: who answers for it hears of it, and what is open is cut. The clock of proxyd alone is set.
last=4102444800000 day=86400000 shifted=0
before_end() { local to=$((last - $1 - $(date +%s%3N))); "$here/shift-clock" $proxyd $((to - shifted)); shifted=$to; } # MS
mkfifo hold; openssl s_client -connect apart.example:443 -proxy 127.0.0.1:8080 -servername apart.example -CAfile good.pem <hold >through 2>&1 & pids="$! $pids"; tunnel=$!
exec {hold}>hold
try "a tunnel under the exception is open, and is the origin's" until_true 10 grep -q "Verify return code: 0 (ok)" through
told() { is "$(grep -aoE '"activity_name":"Alarm","message":"[^"]*apart.example' events.bin | wc -l)" "$1"; }
before_end $((6 * day)); try "six days before its end that is told, with who answers for it" event '"activity_name":"Alarm","message":"the exception for apart.example ends on 2100-01-01T09:00; 税務課 answers'
before_end $((day / 2)); try "on the last day again" until_true 10 told 2
try "meanwhile the tunnel is open" kill -0 $tunnel
before_end -1000; try "at the end the tunnel is cut" until_true 15 eval '! kill -0 $tunnel 2>/dev/null'
try "its event says why" event '"hostname":"apart.example"[^}]*\}.*"disposition":"Reset","rule":\{"uid":"no_decrypt"'
try "and that it is over is told" event '"message":"what goes to apart.example is decrypted again'
echo "1..$n"
exit ${bad:-0}
