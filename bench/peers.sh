# The peers, and why their configuration is fair; see README.md. Sourced after lib.sh.

squid_port=13128 icap_port=13129 squid_pid=
# Squid ssl-bump: bump after peeking at the client's hello (the origin is verified), certificates made by its helper and
# cached in memory, no cache of objects (ours has none either: both fetch every object), no access log, one worker.
# read_ahead_gap is raised because the default of 16 KB costs Squid CPU on large bodies.
squid_start() { # [PORT LINES]: with those in its configuration
	command -v squid >/dev/null || { say "squid isn't installed (tools/setup bench)"; return 1; }
	local port=${1:-$squid_port} d=$work/squid${1:-} certgen i
	mkdir -p "$d"
	certgen=$(ls /usr/lib/squid/security_file_certgen /usr/libexec/squid/security_file_certgen 2>/dev/null | head -n 1)
	"$certgen" -c -s "$d/ssl_db" -M 16MB >/dev/null || return 1
	{ echo "127.0.0.1 localhost www.bench.test"; for i in $(seq 0 1999); do echo "127.0.0.1 h$i.www.bench.test"; done; } >"$d/hosts"
	cat >"$d/squid.conf" <<-END
	http_port 127.0.0.1:$port ssl-bump tls-cert=$work/pki/mitm.pem tls-key=$work/pki/mitm.key generate-host-certificates=on dynamic_cert_mem_cache_size=64MB
	sslcrtd_program $certgen -s $d/ssl_db -M 16MB
	sslcrtd_children 8 startup=2 idle=1
	tls_outgoing_options cafile=$work/pki/origin-ca.pem
	acl step1 at_step SslBump1
	ssl_bump peek step1
	ssl_bump bump all
	http_access allow all
	cache deny all
	cache_mem 8 MB
	read_ahead_gap 256 KB
	$(case ${2:-} in *access_log*) ;; *) echo "access_log none" ;; esac)
	cache_log $d/cache.log
	cache_store_log none
	pid_filename $d/pid
	coredump_dir $d
	hosts_file $d/hosts
	workers 1
	max_filedescriptors $(ulimit -n)
	shutdown_lifetime 0 seconds
	visible_hostname bench
	pinger_enable off
	${2:-}
	END
	chown -R proxy "$d" 2>/dev/null
	squid -N -f "$d/squid.conf" >"$d/out" 2>&1 & squid_pid=$!; pids+=($squid_pid)
	up "$port" || { say "squid doesn't start: $(tail -n 2 "$d/out" "$d/cache.log" 2>/dev/null)"; return 1; }
}

policed_port=13130 policed_pid=
# The same Squid as a body would run it that decides URLs and keeps a log: squidGuard (as packaged, its database in memory) asked of each
# request by url_rewrite_program, the access log by Squid's own writer, into memory. The list is $work/bad/domains (policy_list).
policed_start() {
	command -v squidGuard >/dev/null || { say "squidGuard isn't installed (tools/setup bench)"; return 1; }
	local d=$work/guard squid_pid=
	mkdir -p "$d/db" && cp -r "$work/bad" "$d/db/bad" || return 1
	printf 'dbhome %s\nlogdir %s\ndest bad { domainlist bad/domains }\nacl { default { pass !bad all\n redirect http://192.0.2.1/ } }\n' "$d/db" "$d" >"$d/conf"
	squidGuard -c "$d/conf" -C all >"$d/made" 2>&1 || { say "squidGuard: $(tail -n 1 "$d/made")"; return 1; }
	chown -R proxy "$d" 2>/dev/null
	squid_start $policed_port "access_log daemon:$work/squid$policed_port/access.log
	url_rewrite_program $(command -v squidGuard) -c $d/conf
	url_rewrite_children 4 startup=2 idle=1" || return 1
	policed_pid=$squid_pid
}

# policy_list N: as many names nobody asks for here, in $work/bad/domains, and as an index for Toride, of the category malware.
policy_list() {
	mkdir -p "$work/bad" "$work/state/feeds/url"
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "x%x.bad%d.example\n", i * 2654435761 % 4294967296, i % 977 }' >"$work/bad/domains"
	sed 's/$/,malware/' "$work/bad/domains" >"$work/list.csv"
	"$build/toride" url import "$work/list.csv" -o "$work/state/feeds/url/url.index" >/dev/null && rm "$work/list.csv"
}

# What takes Toride's events as intaked does, and acknowledges each; its CPU is nobody's.
events_sink() {
	mkdir -p "$work/run"
	perl -MIO::Socket::UNIX -MIO::Select -e 'my $l = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 8) or die; my $s = IO::Select->new($l); my %b;
		while (my @r = $s->can_read) { select undef, undef, undef, 0.02; for my $h (@r) { if ($h == $l) { $s->add($l->accept); next }
			unless (sysread $h, $b{$h}, 1 << 20, length $b{$h}) { $s->remove($h); delete $b{$h}; next }
			my $at = 0; my $last; while (length($b{$h}) - $at >= 13) { my ($n, $kind, $seq) = unpack "NCQ>", substr $b{$h}, $at, 13; last if length($b{$h}) - $at < 4 + $n;
				$last = $seq if $kind == $ARGV[1]; $at += 4 + $n } substr($b{$h}, 0, $at) = ""; syswrite $h, pack("NCQ>", 9, $ARGV[2], $last) if $last } }' \
		"$work/run/events.sock" 2 3 & pids+=($!)
}

# clamd of a peer's own, with the database and limits of ours: peer_clamd NAME sets clamd_pid and clamd_sock.
peer_clamd() {
	local d=$work/clamd-$1
	mkdir -p "$d"; chmod 777 "$d"
	clamd_sock=$d/clamd.sock
	printf 'Foreground yes\nUser root\nLocalSocket %s\nLocalSocketMode 666\nDatabaseDirectory %s\nTemporaryDirectory %s\nMaxFileSize 64M\nMaxScanSize 256M\n' \
		"$clamd_sock" "$work/state/feeds/clamav" "$d" >"$d/clamd.conf"
	clamd -c "$d/clamd.conf" >"$d/log" 2>&1 & clamd_pid=$!; pids+=($!)
	for _ in $(seq 600); do [ -S "$clamd_sock" ] && return 0; sleep 0.2; done
	say "clamd doesn't start: $(tail -n 1 "$d/log")"; return 1
}

icap_pids= icap_clamd=
# Squid, c-icap and clamd, as virus_scan's manual wires them: every answer goes to c-icap (RESPMOD, kept-alive connections, preview of
# 1 KB, 204 allowed), which hands whole bodies to clamd by descriptor. Nothing is logged; bodies lie in memory (TmpDir); up to
# 5 MB are scanned. Beyond 64 KB Squid of Debian 12 hangs for ever while c-icap reads (upstream bug 5352): neither a
# larger read_ahead_gap nor letting a part out before its verdict (StartSendPercentDataAfter) changes that.
icap_start() {
	command -v c-icap >/dev/null || { say "c-icap isn't installed (tools/setup bench)"; return 1; }
	local d=$work/c-icap port=13440 icap
	peer_clamd icap || return 1
	icap_clamd=$clamd_pid
	mkdir -p "$d/tmp"
	cat >"$d/c-icap.conf" <<-END
	PidFile $d/pid
	CommandsSocket $d/ctl
	Timeout 300
	MaxKeepAliveRequests -1
	KeepAliveTimeout 600
	StartServers 1
	MaxServers 1
	ThreadsPerChild 64
	MinSpareThreads 1
	MaxSpareThreads 64
	Port 127.0.0.1:$port
	TmpDir $d/tmp
	MaxMemObject 2097152
	DebugLevel 0
	ModulesDir /usr/lib/x86_64-linux-gnu/c_icap
	ServicesDir /usr/lib/x86_64-linux-gnu/c_icap
	TemplateDir /usr/share/c_icap/templates/
	LoadMagicFile /etc/c-icap/c-icap.magic
	ServerLog $d/log
	Service antivirus virus_scan.so
	ServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple
	virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE
	virus_scan.MaxObjectSize 5M
	Module common clamd_mod.so
	clamd_mod.ClamdSocket $clamd_sock
	END
	c-icap -N -f "$d/c-icap.conf" >"$d/out" 2>&1 & icap=$!; pids+=($icap)
	up $port || { say "c-icap doesn't start: $(tail -n 2 "$d/out" "$d/log" 2>/dev/null)"; return 1; }
	squid_start $icap_port "read_ahead_gap 2 MB
	icap_enable on
	icap_persistent_connections on
	icap_preview_enable on
	icap_preview_size 1024
	icap_service_failure_limit -1
	icap_service av respmod_precache bypass=off icap://127.0.0.1:$port/avscan
	adaptation_access av allow all" || return 1
	icap_pids="$squid_pid $icap $icap_clamd"
}

e2_port=18090 e2_pids= e2_clamd=
# e2guardian, in clear, straight to the origin, every answer of up to 2 MB to clamd: as packaged but for its lists, phrases, page
# and log, which are empty or off (nobody else here looks for words).
e2_start() {
	command -v e2guardian >/dev/null || { say "e2guardian isn't installed (tools/setup bench)"; return 1; }
	local d=$work/e2 f
	peer_clamd e2 || return 1
	e2_clamd=$clamd_pid
	cp -r /etc/e2guardian "$d" || return 1
	find "$d/lists" -type f -exec truncate -s 0 {} +
	sed -i "s,/etc/e2guardian,$d,g" "$d"/*.conf "$d"/*.story
	sed -i 's/^function(checknoscan/#&/' "$d/site.story"
	printf "plugname = 'clamdscan'\nclamdudsfile = '%s'\n" "$clamd_sock" >"$d/contentscanners/clamdscan.conf"
	sed -i 's/^weightedphrasemode.*/weightedphrasemode = 0/; s/^loglevel.*/loglevel = 0/; s/^httpworkers.*/httpworkers = 200/; /^filterports/d; /^filterip/d; /^maxcontent/d; /^filecachedir/d' "$d/e2guardian.conf"
	cat >>"$d/e2guardian.conf" <<-END
	filterip = 127.0.0.1
	filterports = $e2_port
	contentscanner = '$d/contentscanners/clamdscan.conf'
	maxcontentfiltersize = 4096
	maxcontentramcachescansize = 4096
	maxcontentfilecachescansize = 20000
	filecachedir = '$d'
	loglocation = '$d/access.log'
	pidfilename = '$d/pid'
	daemonuser = 'root'
	daemongroup = 'root'
	nodaemon = on
	END
	e2guardian -N -c "$d/e2guardian.conf" >"$d/out" 2>&1 & f=$!; pids+=($f)
	up $e2_port || { say "e2guardian doesn't start: $(tail -n 3 "$d/out")"; return 1; }
	e2_pids="$f $e2_clamd"
}

nginx_port=18444 nginx_pid=
# The limit: nginx ends TLS on one side and begins it on the other, kept alive on both, verified, one worker. It decides
# nothing, makes no certificate and looks at no body: what TLS, HTTP and the kernel cost anyone.
nginx_start() { # [http2]: to the client
	mkdir -p "$work/limit"
	cat >"$work/limit/nginx.conf" <<-END
	worker_processes 1; pid $work/limit/pid; error_log $work/limit/error.log; daemon off; user root;
	events { worker_connections 32768; }
	http {
		access_log off; keepalive_requests 1000000; keepalive_timeout 300; proxy_max_temp_file_size 0;
		ssl_certificate $work/pki/origin.pem; ssl_certificate_key $work/pki/origin.key; ssl_protocols TLSv1.2 TLSv1.3; $one_cipher
		upstream o { server 127.0.0.1:$origin_port; keepalive 64; keepalive_requests 1000000; }
		server { listen 127.0.0.1:$nginx_port ssl ${1:-};
			location / { proxy_pass https://o; proxy_http_version 1.1; proxy_set_header Connection "";
				proxy_set_header Host \$host; proxy_ssl_name www.bench.test; proxy_ssl_server_name on;
				proxy_ssl_protocols TLSv1.2 TLSv1.3; proxy_ssl_verify on; proxy_ssl_trusted_certificate $work/pki/origin-ca.pem; } }
	}
	END
	nginx -c "$work/limit/nginx.conf" -p "$work/limit" 2>>"$work/limit/error.log" & nginx_pid=$!; pids+=($nginx_pid)
	up $nginx_port || { say "nginx doesn't start: $(tail -n 2 "$work/limit/error.log")"; return 1; }
}

toride_port=18080 toride_pids= toride_clamd=
# toride-proxyd as it is shipped, with the vault that signs its leaves, scand and clamd (small database: the bodies are
# warm, so clamd is asked once an object): one proxy thread, every body held until its verdict, origin verified. All
# four processes are counted. Not running: intaked (events are made and kept in the ring, then dropped and counted) and
# the supervisor; seccomp and Landlock are on.
toride_start() {
	local s=$work/state r=$work/run pem
	mkdir -p "$s/generations/aa" "$s/feeds" "$s/vault" "$s/vault-public" "$r/stats" "$r/ready" "$r/clamd" "$r/scand" "$r/pids"
	ln -sfn generations/aa "$s/current"
	"$here/../tools/mkclamdb" ${TORIDE_DATABASE:-} "$s/feeds/clamav" || return 1
	chmod 777 "$r/clamd"
	pem=$(awk '{ printf "%s\\n", $0 }' "$work/pki/origin-ca.pem")
	cat >"$s/current/proxyd.json" <<-END
	{"v":1,"threads":${TORIDE_THREADS:-1},"service":{"name":"bench","name_en":"bench"},"proxy":{"addr4":"127.0.0.1","addr6":"::1","port":$toride_port},
	"connect_ports":[443,$origin_port],"http_ports":[80,$plain_port],"refuse":[],"origin_ca":["$pem"],"black":[".bad.example"],
	"dev":{"except":["127.0.0.0/8"],"hosts":[{"name":".bench.test","addr":"127.0.0.1"}]},
	"orgs":[{"code":"412015","index":1,"name":"bench","name_en":"bench","interface":"","global4":"","global6":"","resolver":"",
	"resolver_from":"","tls_decryption":true,"no_decrypt":[".nodecrypt.example"],"registered_only":false,"terminals":[],
	"child_proxies":[],"scan_fail":"closed","scan_max_mib":64,"unscannable_allow":false,
	"url":{"black":["deny.example"],"white":[],"exceptions":[],"deny_categories":["malware"]}}]}
	END
	cat >"$s/current/scand.json" <<-END
	{"max_bytes":67108864,"clamd_socket":"$r/clamd/clamd.sock","database":"$s/feeds/clamav","orgs":{}}
	END
	printf 'Foreground yes\nLocalSocket %s\nLocalSocketMode 666\nDatabaseDirectory %s\nTemporaryDirectory %s\nMaxFileSize 64M\nMaxScanSize 256M\n' \
		"$r/clamd/clamd.sock" "$s/feeds/clamav" "$r/clamd" >"$work/clamd.conf"
	export TORIDE_STATE=$s TORIDE_RUN=$r
	clamd -c "$work/clamd.conf" >"$work/clamd.log" 2>&1 & toride_pids=$!
	"$build/toride-vaultd" >"$work/vaultd.log" 2>&1 & toride_pids="$toride_pids $!"
	toride_clamd=${toride_pids%% *}
	for _ in $(seq 600); do [ -S "$r/clamd/clamd.sock" ] && [ -S "$r/vault.sock" ] && break; sleep 0.2; done
	"$build/toride-scand" >"$work/scand.log" 2>&1 & toride_pids="$toride_pids $!"
	for _ in $(seq 100); do [ -S "$r/verdict.sock" ] && break; sleep 0.1; done
	"$build/toride-proxyd" >"$work/proxyd.log" 2>&1 & toride_pids="$toride_pids $!"
	pids+=($toride_pids)
	up $toride_port || { say "toride-proxyd doesn't start: $(tail -qn 2 "$work"/{vaultd,scand,proxyd,clamd}.log)"; return 1; }
	cat "$r/ca.pem" >>"$work/pki/trust.pem"
}

# where PEER: how the load reaches it. pids_of PEER: whose CPU and memory count.
where() {
	case $1 in
	toride) echo "--proxy 127.0.0.1:$toride_port" ;;
	squid) echo "--proxy 127.0.0.1:$squid_port" ;;
	policed) echo "--proxy 127.0.0.1:$policed_port" ;;
	icap) echo "--proxy 127.0.0.1:$icap_port" ;;
	e2guardian) echo "--proxy 127.0.0.1:$e2_port" ;;
	nginx) echo "--connect 127.0.0.1:$nginx_port" ;;
	direct) echo "--connect 127.0.0.1:$origin_port" ;;
	esac
}
pids_of() {
	case $1 in
	toride) echo "$toride_pids" ;; squid) echo "$squid_pid" ;; policed) echo "$policed_pid" ;; icap) echo "$icap_pids" ;;
	e2guardian) echo "$e2_pids" ;; nginx) echo "$nginx_pid" ;;
	esac
}
