# The peers, and why their configuration is fair; see README.md. Sourced after lib.sh.

squid_port=13128 squid_pid=
# Squid ssl-bump: bump after peeking at the client's hello (the origin is verified), certificates made by its helper and
# cached in memory, no cache of objects (ours has none either: both fetch every object), no access log, one worker.
# read_ahead_gap is raised because the default of 16 KB costs Squid CPU on large bodies.
squid_start() {
	command -v squid >/dev/null || { say "squid isn't installed (tools/setup bench)"; return 1; }
	local d=$work/squid certgen i
	mkdir -p "$d"
	certgen=$(ls /usr/lib/squid/security_file_certgen /usr/libexec/squid/security_file_certgen 2>/dev/null | head -n 1)
	"$certgen" -c -s "$d/ssl_db" -M 16MB >/dev/null || return 1
	{ echo "127.0.0.1 localhost www.bench.test"; for i in $(seq 0 1999); do echo "127.0.0.1 h$i.www.bench.test"; done; } >"$d/hosts"
	cat >"$d/squid.conf" <<-END
	http_port 127.0.0.1:$squid_port ssl-bump tls-cert=$work/pki/mitm.pem tls-key=$work/pki/mitm.key generate-host-certificates=on dynamic_cert_mem_cache_size=64MB
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
	access_log none
	cache_log $d/cache.log
	cache_store_log none
	pid_filename $d/pid
	coredump_dir $d
	hosts_file $d/hosts
	workers 1
	max_filedescriptors 8192
	shutdown_lifetime 0 seconds
	visible_hostname bench
	END
	chown -R proxy "$d" 2>/dev/null
	squid -N -f "$d/squid.conf" >"$d/out" 2>&1 & squid_pid=$!; pids+=($squid_pid)
	up $squid_port || { say "squid doesn't start: $(tail -n 2 "$d/out" "$d/cache.log" 2>/dev/null)"; return 1; }
}

nginx_port=18444 nginx_pid=
# The limit: nginx ends TLS on one side and begins it on the other, kept alive on both, verified, one worker. It decides
# nothing, makes no certificate and looks at no body: what TLS, HTTP and the kernel cost anyone.
nginx_start() { # [http2]: to the client
	mkdir -p "$work/limit"
	cat >"$work/limit/nginx.conf" <<-END
	worker_processes 1; pid $work/limit/pid; error_log $work/limit/error.log; daemon off; user root;
	events { worker_connections 4096; }
	http {
		access_log off; keepalive_requests 1000000; keepalive_timeout 300; proxy_max_temp_file_size 0;
		ssl_certificate $work/pki/origin.pem; ssl_certificate_key $work/pki/origin.key; ssl_protocols TLSv1.2 TLSv1.3;
		upstream o { server 127.0.0.1:$origin_port; keepalive 64; keepalive_requests 1000000; }
		server { listen 127.0.0.1:$nginx_port ssl ${1:-};
			location / { proxy_pass https://o; proxy_http_version 1.1; proxy_set_header Connection "";
				proxy_set_header Host \$host; proxy_ssl_name www.bench.test; proxy_ssl_server_name on;
				proxy_ssl_verify on; proxy_ssl_trusted_certificate $work/pki/origin-ca.pem; } }
	}
	END
	nginx -c "$work/limit/nginx.conf" -p "$work/limit" 2>>"$work/limit/error.log" & nginx_pid=$!; pids+=($nginx_pid)
	up $nginx_port || { say "nginx doesn't start: $(tail -n 2 "$work/limit/error.log")"; return 1; }
}

toride_port=18080 toride_pids=
# toride-proxyd as it is shipped, with the vault that signs its leaves, scand and clamd (small database: the bodies are
# warm, so clamd is asked once an object): one proxy thread, every body held until its verdict, origin verified. All
# four processes are counted. Not running: intaked (events are made and kept in the ring, then dropped and counted) and
# the supervisor; seccomp and Landlock are on.
toride_start() {
	local s=$work/state r=$work/run pem
	mkdir -p "$s/generations/aa" "$s/feeds" "$s/vault" "$s/vault-public" "$r/stats" "$r/ready" "$r/clamd" "$r/scand" "$r/pids"
	ln -sfn generations/aa "$s/current"
	"$here/../tools/mkclamdb" "$s/feeds/clamav" || return 1
	chmod 777 "$r/clamd"
	pem=$(awk '{ printf "%s\\n", $0 }' "$work/pki/origin-ca.pem")
	cat >"$s/current/proxyd.json" <<-END
	{"v":1,"threads":1,"service":{"name":"bench","name_en":"bench"},"proxy":{"addr4":"127.0.0.1","addr6":"::1","port":$toride_port},
	"connect_ports":[443,$origin_port],"refuse":[],"origin_ca":["$pem"],"black":[".bad.example"],
	"dev":{"except":["127.0.0.0/8"],"hosts":[{"name":".bench.test","addr":"127.0.0.1"}]},
	"orgs":[{"code":"412015","index":1,"name":"bench","name_en":"bench","interface":"","global4":"","global6":"","resolver":"",
	"resolver_from":"","tls_decryption":true,"no_decrypt":[".nodecrypt.example"],"registered_only":false,"terminals":[],
	"child_proxies":[],"scan_fail":"closed","scan_max_mib":64,"unscannable_allow":false,
	"url":{"black":["deny.example"],"white":[],"exceptions":[]}}]}
	END
	cat >"$s/current/scand.json" <<-END
	{"max_bytes":67108864,"clamd_socket":"$r/clamd/clamd.sock","database":"$s/feeds/clamav","orgs":{}}
	END
	printf 'Foreground yes\nLocalSocket %s\nLocalSocketMode 666\nDatabaseDirectory %s\nTemporaryDirectory %s\nMaxFileSize 64M\nMaxScanSize 256M\n' \
		"$r/clamd/clamd.sock" "$s/feeds/clamav" "$r/clamd" >"$work/clamd.conf"
	export TORIDE_STATE=$s TORIDE_RUN=$r
	clamd -c "$work/clamd.conf" >"$work/clamd.log" 2>&1 & toride_pids=$!
	"$build/toride-vaultd" >"$work/vaultd.log" 2>&1 & toride_pids="$toride_pids $!"
	sleep 1
	"$build/toride-scand" >"$work/scand.log" 2>&1 & toride_pids="$toride_pids $!"
	sleep 0.5
	"$build/toride-proxyd" >"$work/proxyd.log" 2>&1 & toride_pids="$toride_pids $!"
	pids+=($toride_pids)
	up $toride_port || { say "toride-proxyd doesn't start: $(tail -qn 2 "$work"/{vaultd,scand,proxyd,clamd}.log)"; return 1; }
	cat "$r/ca.pem" >>"$work/pki/trust.pem"
}
