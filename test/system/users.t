#!/bin/bash
# Who uses the proxy: toride-proxyd, userd and vaultd as shipped, against a real directory (slapd, TLS by an authority of its own), over TLS to
# the proxy itself. Development mode as in proxy.t: all on loopback.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$(dirname "$0")/proxy-lib.sh"
toride=$(command -v toride)

{ make_ca good; make_ca house; make_ca other; sign site good DNS:site.example,DNS:free.example,DNS:pass.example; sign dc house DNS:dc.city.example; } >/dev/null 2>&1
head -c 10240 /dev/urandom >www/10k; head -c 3000000 /dev/urandom >www/slow/3m
cat >nginx.conf <<-END
	daemon off; pid $top/nginx.pid; error_log $top/nginx.err; worker_processes 1; user root; events { }
	http { log_format told '\$host \$http_proxy_authorization|\$http_authorization'; access_log $top/told.log told; client_max_body_size 100m;
	  client_body_temp_path $top/b; proxy_temp_path $top/ptmp; fastcgi_temp_path $top/f; uwsgi_temp_path $top/u; scgi_temp_path $top/s;
	  server { listen 127.0.0.1:8000; listen 127.0.0.1:443 ssl http2; ssl_certificate site.crt; ssl_certificate_key site.key; root $top/www;
	    location = /phish { add_header Proxy-Authenticate 'Basic realm="x"' always; return 407; }
	    location /slow { limit_rate 10k; } location = /hello { default_type text/html; return 200 "<p>hello</p>"; } location = /up { return 200 "got"; } } }
END

# ---- the directory: people, groups in groups, one account that looks people up
mkdir -p ldap/db
cat >ldap/slapd.conf <<-END
	include /etc/ldap/schema/core.schema
	include /etc/ldap/schema/cosine.schema
	include /etc/ldap/schema/inetorgperson.schema
	modulepath /usr/lib/ldap
	moduleload back_mdb
	moduleload memberof
	pidfile $top/ldap/pid
	TLSCACertificateFile $top/house.pem
	TLSCertificateFile $top/dc.crt
	TLSCertificateKeyFile $top/dc.key
	disallow bind_anon
	database mdb
	suffix "dc=city,dc=example"
	rootdn "cn=root,dc=city,dc=example"
	rootpw rootpw
	directory $top/ldap/db
	overlay memberof
	access to attrs=userPassword by anonymous auth by * none
	access to * by users read by * none
END
person() { printf 'dn: uid=%s,ou=people,dc=city,dc=example\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: x\nuserPassword: %s\n\n' "$1" "$1" "$1" "$2"; }
group() { printf 'dn: cn=%s,ou=groups,dc=city,dc=example\nobjectClass: groupOfNames\ncn: %s\nmember: %s\n\n' "$1" "$1" "$2"; }
{ printf 'dn: dc=city,dc=example\nobjectClass: dcObject\nobjectClass: organization\no: city\ndc: city\n\n'
  for ou in people groups; do printf 'dn: ou=%s,dc=city,dc=example\nobjectClass: organizationalUnit\nou: %s\n\n' $ou $ou; done
  person reader 'look:up pass'; person taro 'Tarō:pass wörd'; person hanako hanako-1; person jiro jiro-1
  group kouhou uid=taro,ou=people,dc=city,dc=example; group soumu cn=kouhou,ou=groups,dc=city,dc=example
  group ring1 cn=soumu,ou=groups,dc=city,dc=example; } >ldap/all.ldif
run slapd -h 'ldap://127.0.0.20:389 ldaps://127.0.0.20:636' -f ldap/slapd.conf -d 0
until_true 10 ldapwhoami -x -H ldap://127.0.0.20 -D cn=root,dc=city,dc=example -w rootpw
ldapadd -x -H ldap://127.0.0.20 -D cn=root,dc=city,dc=example -w rootpw -f ldap/all.ldif >ldap/add.log 2>&1
# a circle of groups must end
printf 'dn: cn=kouhou,ou=groups,dc=city,dc=example\nchangetype: modify\nadd: member\nmember: cn=ring1,ou=groups,dc=city,dc=example\n' |
	ldapmodify -x -H ldap://127.0.0.20 -D cn=root,dc=city,dc=example -w rootpw >>ldap/add.log 2>&1

org() { # CODE INDEX PORT USERS: an organisation of proxyd.json
	jq -n --arg code "$1" --argjson index "$2" --argjson port "$3" --argjson users "$4" '{code:$code,index:$index,name:"佐賀市",name_en:"Saga",interface:"",port:$port,
	  resolver:"127.0.0.53",resolver_from:"127.0.0.7",tls_decryption:true,no_decrypt:["pass.example"],scan_fail:"closed",scan_max_mib:8,pac:"function FindProxyForURL(){}\n",child_proxies:["127.0.0.98/32"],url:{black:["deny.example"],group_lists:[{id:"press",groups:["kouhou","soumu"],white:["deny.example"],black:["secret.example"]}]},users:$users}'
}
config() {
	jq -n --arg ca "$(cat good.pem)" --argjson a "$(org 412015 1 8080 '{"realm":"Saga \"City\"","tickets":true,"passwords":'"${passwords:-true}"',"exempt_terminals":["127.0.0.99/32"],"exempt_destinations":["free.example"]}')" \
		--argjson b "$(org 412023 2 8081 '{"realm":"Karatsu","clear":true}')" --argjson c "$(org 412031 3 8082 '{"realm":"Tosu","clear":true,"fail":"open"}')" \
		--argjson d "$(org 412040 4 8083 '{"realm":"Taku","clear":true,"tickets":true}')" --argjson e "$(org 412058 5 8084 '{"realm":"Imari","clear":true,"tickets":true}')" '
	{v:1, threads:2, service:{name:"試験クラウド",name_en:"Test cloud"}, proxy:{addr4:"127.0.0.1",port:8080,name:"proxy.cloud.example"}, connect_ports:[443], refuse:[], origin_ca:[$ca],
	 black:[], dev:{except:["127.0.0.0/8"],verdict_ms:6000,hosts:[{name:".example",addr:"127.0.0.1"}]}, orgs:[$a,$b,$c,$d,$e]}' >state/generations/a/proxyd.json
}
directory() { # CODE LDAPS PORT AUTHORITY BIND-DN SECRET BIND-AS
	cp "$4.pem" "state/generations/a/userd/$1.pem"
	jq -n --arg code "$1" --argjson ldaps "$2" --argjson port "$3" --arg dn "$5" --arg secret "$6" --arg himself "$7" '{code:$code,from4:"127.0.0.1",from6:"",ldaps:$ldaps,host:"dc.city.example",port:$port,
	  servers:["127.0.0.21","127.0.0.20"],base:"dc=city,dc=example",filter:"(uid=%u)",name:"uid",groups_attribute:"memberOf",bind_dn:$dn,bind_secret:$secret,bind_as:$himself,keytab:"",proxy:"",
	  groups:[{name:"soumu",dn:"CN=Soumu, ou=groups,DC=city,dc=example"},{name:"zaisei",dn:"cn=zaisei,ou=groups,dc=city,dc=example"}]}'
}
# Bodies whose directory takes a connection and then sends a byte now and then of an answer that never ends: never late, never done.
cat >tarpit.py <<-'END'
	import os, select, socket
	s = socket.create_server(('127.0.0.24', 636), backlog=64); held = []; most = over = 0
	def tell(): open('pit.new', 'w').write('most=%d over=%d' % (most, over)); os.rename('pit.new', 'pit')
	def hears(c):
	  global most, over
	  if c is s: held.append(s.accept()[0]); held[-1].send(b'\x16\x03\x03\x40\x00')
	  elif not c.recv(65536): held.remove(c); over += 1
	  most = max(most, len(held))
	def drips(c):
	  try: c.send(b'\0')
	  except OSError: pass
	while True:
	  tell()
	  for c in select.select([s] + held, [], [], 0.5)[0]: hears(c)
	  for c in held: drips(c)
END
pit() { local most=0 over=0; . ./pit; (($1)); }
slow_bodies() { for i in 1 2 3 4; do directory "50001$i" true 636 house "" "" "uid=%u,ou=people,dc=city,dc=example" | sed 's/127.0.0.2[01]/127.0.0.24/g'; done; }
directories() { jq -n --argjson list "$(jq -s . <<<"$*")" '{v:1,orgs:$list}' >state/generations/a/userd.json; }
# ---- a realm: people whose terminals are signed in to the domain have tickets for the proxy
export KRB5_CONFIG=$top/krb5.conf KRB5_KDC_PROFILE=$top/kdc.conf KRB5CCNAME=FILE:$top/tickets
cat >krb5.conf <<-END
	[libdefaults]
	default_realm = CITY.EXAMPLE
	dns_lookup_kdc = false
	dns_lookup_realm = false
	dns_canonicalize_hostname = false
	rdns = false
	[realms]
	CITY.EXAMPLE = {
	  kdc = 127.0.0.30:8888
	}
	[domain_realm]
	.example = CITY.EXAMPLE
END
cat >kdc.conf <<-END
	[realms]
	CITY.EXAMPLE = {
	  database_name = $top/realm
	  key_stash_file = $top/stash
	  supported_enctypes = aes256-cts:normal arcfour-hmac:normal
	  kdc_listen = 127.0.0.30:8888
	  kdc_tcp_listen = 127.0.0.30:8888
	}
END
{ kdb5_util create -s -P master -r CITY.EXAMPLE; for i in taro hanako nemo taro/admin; do kadmin.local -q "addprinc -pw $i-1 $i"; done
  for i in proxy wrong; do kadmin.local -q "addprinc -randkey HTTP/$i.cloud.example"; done
  kadmin.local -q "ktadd -k keytab HTTP/proxy.cloud.example"; kadmin.local -q "ktadd -k other.keytab HTTP/wrong.cloud.example"; } >kdc.log 2>&1
run krb5kdc -n
until_true 10 bash -c "echo taro-1 | kinit taro"

cat >unbound.conf <<-END
	server:
	  interface: 127.0.0.53
	  access-control: 127.0.0.0/8 allow
	  username: ""
	  chroot: ""
	  directory: "$top"
	  pidfile: "$top/unbound.pid"
	  use-syslog: no
	  do-daemonize: no
	remote-control:
	  control-enable: no
END
run unbound -c "$top/unbound.conf"
run nginx -p "$top" -c "$top/nginx.conf"
run clamd -c "$top/clamd.conf"
touch run/ready/userd; mkdir -p state/generations/a/userd run/userd
"$toride" compile "$here/../golden/two/description" -o compiled >compile.log 2>&1; cp compiled/userd/krb5.conf state/generations/a/userd/
config
proxy_start
secret=$(printf 'look:up pass\n' | "$toride" directory secret --org 412015)
try "the vault wraps the password of the account that looks people up, which isn't in it" eval 'case $secret in v1:*look*) false;; v1:??????????*) ;; *) false;; esac'
keytab() { "$toride" directory keytab --org 412015 --name proxy.cloud.example <"$1" 2>keytab.out; }
key=$(keytab keytab)
try "the vault wraps the proxy's key in the realm; what it is for is said, and that RC4 isn't taken" eval 'case $key in v1:??????????*) ;; *) false;; esac && grep -q "^HTTP/proxy.cloud.example@CITY.EXAMPLE, .* 2, aes256-cts-hmac-sha1-96$" keytab.out && grep -q "^1 .*AES" keytab.out'
try "a keytab of another name is refused, with what it lacks" eval '! keytab other.keytab && grep -q "no AES key for HTTP/proxy.cloud.example" keytab.out'
try "and one that is cut off" eval 'head -c 60 keytab >cut.keytab; ! keytab cut.keytab && grep -q "cut off" keytab.out'
tickets_of() { jq --arg key "${1:-$key}" '. + {keytab: $key, proxy: "proxy.cloud.example"}'; }
# two other bodies: one whose realm has the same names and another key, one that has copied what the vault wrapped for the first
python3 -c 'import os, struct
text = lambda s: struct.pack(">H", len(s)) + s
e = struct.pack(">H", 2) + text(b"CITY.EXAMPLE") + text(b"HTTP") + text(b"proxy.cloud.example") + struct.pack(">IIBHH", 1, 0, 2, 18, 32) + os.urandom(32)
open("their.keytab", "wb").write(b"\5\2" + struct.pack(">i", len(e)) + e)'
their=$("$toride" directory keytab --org 412040 --name proxy.cloud.example <their.keytab 2>/dev/null)
same_names() { directory "$1" true 636 house uid=reader,ou=people,dc=city,dc=example "$(printf 'look:up pass\n' | "$toride" directory secret --org "$1")" "" | tickets_of "$2"; }
directories "$(directory 412015 true 636 house uid=reader,ou=people,dc=city,dc=example "$secret" "" | tickets_of)" "$(directory 412023 false 389 house "" "" "uid=%u,ou=people,dc=city,dc=example")" "$(directory 412031 true 636 other "" "" "uid=%u,ou=people,dc=city,dc=example")" "$(same_names 412040 "$their")" "$(same_names 412058 "$key")" "$(slow_bodies)"
userd_start() { "$bin/toride-userd" >>userd.log 2>&1 & userd=$!; pids="$userd $pids"; until_true 10 test -s run/ready/userd; }
try "userd becomes ready" userd_start
show=("$top/userd.log" "$top/toride-proxyd.log")

cp run/ca.pem ca.pem
A="--proxy-cacert ca.pem --cacert ca.pem --resolve proxy.cloud.example:8080:127.0.0.1 -x https://proxy.cloud.example:8080" B="--cacert ca.pem -x http://127.0.0.1:8081" C="--cacert ca.pem -x http://127.0.0.1:8082"
as() { printf -- '--proxy-user %s' "$1"; }
T=(--proxy-user 'taro:Tarō:pass wörd')
tunnel() { local want=$1; shift; is "$(curl -s -m 20 -o out -w '%{http_connect}' "$@")" "$want"; }

# ---- directories that hang hold up their own people alone
run python3 tarpit.py
until_true 10 test -e pit
python3 - <<-'END' & asking=$!
	import socket, struct, time
	def text(s): return struct.pack('>H', len(s)) + s
	s = socket.socket(socket.AF_UNIX); s.connect('run/users.sock')
	def question(i): return b'\1' + struct.pack('>Q', i) + text(b'50001%d' % (1 + i % 4)) + b'\4' + bytes([10, 9, 9, 8]) + bytes(12) + text(b'p%d' % i) + text(b'x') + bytes(4)
	s.sendall(b''.join(struct.pack('>I', len(q)) + q for q in map(question, range(80))))
	f = s.makefile('rb'); answers = [f.read(struct.unpack('>I', f.read(4))[0])[9] for _ in range(80)]
	open('pit.answers', 'w').write(str(set(answers)))
END
pids="$asking $pids"
try "four bodies' directories hold all the questions that a body may have open" until_true 15 pit 'most == 24'
try "and another body's people are asked about as ever" get 200 $B "${T[@]}" http://site.example:8000/10k

# ---- over TLS
try "without a name: 407 with a page" page 407 利用者名とパスワード $A http://site.example:8000/10k
try "and the challenge names the organisation" eval 'curl -s -o /dev/null -D head $A http://site.example:8000/10k; grep -qi "^proxy-authenticate: Basic realm=\"Saga .\"City.\"\", charset=\"UTF-8\"" head'
try "who is known gets the page" get 200 $A "${T[@]}" http://site.example:8000/10k
try "as the origin has it" cmp out www/10k
try "the event says who, in which group (of groups of groups, in a circle), and no password" eval 'event "\"user\":\\{\"name\":\"taro\",\"groups\":\\[\\{\"name\":\"soumu\"\\}\\]\\}.*\"action\":\"Allowed\"" && ! grep -aqE "pass w|VGFy" events.bin'
try "TLS inside TLS: a tunnel, opened" get 200 $A "${T[@]}" https://site.example/10k
try "as the origin has it there" cmp out www/10k
try "its requests are that person's, in HTTP/2" event '"scheme":"https".*"intercepted":true.*"user":\{"name":"taro"'
try "and tell the terminal's fingerprint, of the TLS inside" event '"ja4":"t1[23]d[0-9]{4}h[12]_[0-9a-f]{12}_[0-9a-f]{12}","intercepted":true.*"name":"taro"'
try "several on one connection" eval 'is "$(curl -s $A "${T[@]}" -o /dev/null -o /dev/null -o /dev/null -w "%{http_code}" https://site.example/10k https://site.example/10k http://site.example:8000/10k)" 200200200'
head -c 3000000 /dev/urandom >www/3m
try "3 MB through both" eval 'get 200 $A "${T[@]}" https://site.example/3m && cmp out www/3m'
try "3 MB up through both" eval 'get 200 $A "${T[@]}" --data-binary @www/3m https://site.example/up && is "$(cat out)" got'
curl -s -m 20 --proxy-cacert ca.pem --cacert good.pem --resolve proxy.cloud.example:8080:127.0.0.1 -x https://proxy.cloud.example:8080 "${T[@]}" -o out https://pass.example/3m
try "undecrypted, too, by the origin's own certificate" cmp out www/3m
try "with a fingerprint all the same" event '"sni":"pass.example","ja4":"t1[23]d[0-9]{4}h[12]_[0-9a-f]{12}_[0-9a-f]{12}","intercepted":false'
try "a tunnel without a name: 407 to the CONNECT" tunnel 407 $A https://site.example/10k
try "a wrong password: 407, and told" eval 'page 407 正しくありません $A $(as hanako:wrong-1) http://site.example:8000/10k && event "\"product\":\"userd\".*\"name\":\"hanako\".*\"status\":\"Failure\",\"status_detail\":\"password_wrong\""'
try "no password at all is no password (RFC 4513 5.1.2)" get 407 $A $(as hanako:) http://site.example:8000/10k
try "a name with a filter's letters is nobody" get 407 $A $(as '*:x') http://site.example:8000/10k
try "nobody's name" get 407 $A $(as 'nobody:x') http://site.example:8000/10k
try "a ticket where a body takes none: 407" get 407 $B --proxy-header 'Proxy-Authorization: Negotiate YII=' http://site.example:8000/10k
try "the origin never saw what proves who it is" eval 'grep -qx "site.example -|-" told.log && ! grep -aq "Basic" told.log'
try "an origin's own 407 is no question of ours" page 502 'asks for the proxy' $A "${T[@]}" http://site.example:8000/phish
try "and its challenge doesn't get through" eval 'get 502 -D head $A "${T[@]}" https://site.example/phish && ! grep -qi "^proxy-authenticate" head'
try "the configuration script needs no name" get 200 -x '' http://127.0.0.1:8080/proxy.pac
try "an exempt destination needs none" get 200 $A http://free.example:8000/10k
try "in a tunnel neither" get 200 $A https://free.example/10k
try "but such a tunnel leads nowhere else" eval 'get 403 $A --connect-to site.example:443:free.example:443 https://site.example/10k && event "users.login"'
try "an exempt terminal neither" get 200 --interface 127.0.0.99 -x http://127.0.0.1:8080 http://site.example:8000/10k

try "who refuses the proxy's certificate is told, for what is pinned" eval 'get 000 --proxy-cacert ca.pem --cacert good.pem --resolve proxy.cloud.example:8080:127.0.0.1 -x https://proxy.cloud.example:8080 "${T[@]}" https://site.example/10k && event "\"hostname\":\"site.example\".*\"ja4\":\"t1.*\"user\":\\{\"name\":\"taro\".*\"uid\":\"tls.client\""'

# ---- by ticket (Kerberos)
try "a directory that never ends its answer is cut" until_true 30 pit 'over >= 24'
try "and each who waited was told that it doesn't answer" eval 'until_true 10 test -s pit.answers && is "$(cat pit.answers)" "{3}"'
K="$A --proxy-negotiate --proxy-user :"
told() { event "\"product\":\"userd\".*\"status\":\"Failure\",\"status_detail\":\"$1\""; }
challenges() { curl -s -o /dev/null -D head $A "$@" http://site.example:8000/10k; grep -i ^proxy-authenticate: head | tr -d '\r' | cut -d' ' -f2 | tr '\n' ' '; }
try "who has no name is asked for a ticket first, then for a password" eval 'is "$(challenges)" "Negotiate Basic "'
try "who is signed in to the domain gets the page and is asked for nothing" get 200 $K http://site.example:8000/10k
try "in a tunnel" eval 'get 200 $K https://site.example/10k && cmp out www/10k'
try "with his name and groups, as the directory has them" eval 'event "\"product\":\"userd\".*\"name\":\"taro\".*\"status\":\"Success\",\"status_detail\":\"ticket\"" && event "\"scheme\":\"https\".*\"name\":\"taro\",\"groups\":\[\{\"name\":\"soumu\""'
# a ticket as curl makes it, taken before any proxy has seen it: ticket [NAME] leaves it in token
cat >taker.py <<-'END'
	import re, socket
	s = socket.create_server(('127.0.0.31', 3128)); open('taker', 'w')
	c = s.accept()[0]; b = b''
	while b'\r\n\r\n' not in b: b += c.recv(65536)
	open('token', 'w').write(re.search(rb'Negotiate (\S+)', b).group(1).decode())
END
ticket() {
	local name=${1:-proxy}.cloud.example
	rm -f taker token; python3 taker.py & local taker=$!
	until_true 10 test -e taker
	curl -s -m 20 -o /dev/null --proxy-negotiate --proxy-user : --resolve "$name:3128:127.0.0.31" -x "http://$name:3128" http://site.example:8000/10k; wait $taker
}
shown() { get "$1" $A --proxy-header "Proxy-Authorization: Negotiate $(cat token)" http://site.example:8000/10k; }
ticket
curl -s $A --proxy-header "Proxy-Authorization: Negotiate $(cat token)" -o out http://site.example:8000/10k --next $A -o out2 -w '%{http_code} %{num_connects}' http://site.example:8000/10k >talk
try "a ticket holds for its connection, as browsers expect" eval 'cmp out www/10k && is "$(cat talk)" "200 0"'
try "and for no other: taken from the line and shown again it is refused, and told" eval 'shown 407 && told ticket_replayed'
ticket
restart() { kill -9 "$userd"; wait "$userd" 2>/dev/null; : >run/ready/userd; userd_start; }
try "kill -9 doesn't make userd forget which tickets it has seen" eval 'shown 200 && restart && shown 407'
ticket wrong
try "one for another name isn't taken; then a password is asked for, and no ticket" eval 'shown 407 && told ticket_invalid && is "$(challenges --proxy-header "Proxy-Authorization: Negotiate $(cat token)")" "Basic "'
try "an NTLM message is named as such" eval 'printf "NTLMSSP\0\1\0\0\0" | base64 >token; shown 407 && told ticket_ntlm'
try "what is no ticket is none" eval 'head -c 3000 /dev/urandom | base64 -w0 >token; shown 407 && printf "%%%%" >token && shown 407'
as_person() { echo "$1-1" | KRB5CCNAME=FILE:$top/$1.tickets kinit "$1" >>kdc.log 2>&1; export KRB5CCNAME=FILE:$top/$1.tickets; ticket; export KRB5CCNAME=FILE:$top/tickets; }
as_person nemo
try "whom the directory doesn't know gets nowhere with a ticket" eval 'shown 407 && told ticket_nobody'
mkdir taro; as_person taro/admin
try "nor does another principal than a person's" eval 'shown 407 && told ticket_realm'
ticket
try "a ticket for one body's key isn't taken at another's, whatever the names" eval 'get 407 --cacert ca.pem -x http://127.0.0.1:8083 --proxy-header "Proxy-Authorization: Negotiate $(cat token)" http://site.example:8000/10k && event "\"org\":\"412040\".*\"status\":\"Failure\",\"status_detail\":\"ticket_invalid\""'
try "nor where the first one's wrapped key was copied to: the vault opens it for the first alone" eval 'get 503 --cacert ca.pem -x http://127.0.0.1:8084 --proxy-header "Proxy-Authorization: Negotiate $(cat token)" http://site.example:8000/10k'
try "which is told, since nobody's ticket can be read there" eval 'event "\"product\":\"userd\",\"app\":\{\"name\":\"keytab\"\},\"activity_name\":\"Alarm\""'
try "control: it is a good one at home" shown 200
ticket
curl -s --interface 127.0.0.98 $A --proxy-header "Proxy-Authorization: Negotiate $(cat token)" -o out -w '%{http_code} ' http://site.example:8000/10k --next --interface 127.0.0.98 $A -o out2 -w '%{http_code} %{num_connects}' http://site.example:8000/10k >talk
try "on a child proxy's connection a ticket holds for its own request alone: the next one is another person's" is "$(cat talk)" "200 407 0"
try "another body, by whose directory nobody has a ticket, takes none" get 407 $B --proxy-negotiate --proxy-user : http://site.example:8000/10k
# a terminal whose clock is ten minutes ahead
cat >ahead.c <<-'END'
	#include <sys/syscall.h>
	#include <sys/time.h>
	#include <time.h>
	#include <unistd.h>
	int clock_gettime(clockid_t c, struct timespec *t) { long r = syscall(SYS_clock_gettime, c, t); if (c == CLOCK_REALTIME) t->tv_sec += 600; return (int)r; }
	int gettimeofday(struct timeval *t, void *z) { struct timespec s; clock_gettime(CLOCK_REALTIME, &s); t->tv_sec = s.tv_sec; t->tv_usec = s.tv_nsec / 1000; return 0; }
	time_t time(time_t *t) { struct timespec s; clock_gettime(CLOCK_REALTIME, &s); if (t) *t = s.tv_sec; return s.tv_sec; }
END
sed 's/default_realm/kdc_timesync = 0\n default_realm/' krb5.conf >krb5.ahead
try "a clock that is off is told as such" eval 'gcc -shared -fPIC -o ahead.so ahead.c && { KRB5_CONFIG=$top/krb5.ahead LD_PRELOAD=$top/ahead.so ticket; shown 407 && told ticket_clock; }'
passwords=false config
reread_proxy() { : >run/ready/proxyd; kill -HUP "$proxyd"; until_true 10 test -s run/ready/proxyd; }
try "where a body takes tickets alone, no password is asked for" eval 'reread_proxy && is "$(challenges)" "Negotiate " && get 407 $A "${T[@]}" http://site.example:8000/10k && get 200 $K http://site.example:8000/10k'
try "and the page says that the clock is off" eval 'KRB5_CONFIG=$top/krb5.ahead LD_PRELOAD=$top/ahead.so ticket; page 403 時計がずれています $A --proxy-header "Proxy-Authorization: Negotiate $(cat token)" http://site.example:8000/10k'
try "or that the sign-in can't be confirmed, in a tunnel too" eval 'ticket wrong; page 403 ログインを確認できません $A --proxy-header "Proxy-Authorization: Negotiate $(cat token)" https://site.example/10k'
try "who has shown no ticket is told so, and asked for none but that" page 407 端末がドメインにログインしていません $A http://site.example:8000/10k
config; reread_proxy

# ---- how a program speaks to the proxy itself
try "TLS to the proxy has a fingerprint, of another kind than what comes inside" event '"url_string":"http://site.example:8000/10k".*"tls":\{"proxy_ja4":"t1[23]d[0-9]{4}[0-9h][0-9a-z]_[0-9a-f]{12}_[0-9a-f]{12}"\}'
program=$(grep -aoE '"proxy_ja4":"[^"]*"' events.bin | sort -u | sed 's/.*:"//; s/"//' | jq -Rsc 'split("\n")[:-1]') # curl's: of its tunnels, and without
curl -s -m 300 --proxy-cacert ca.pem --cacert good.pem --resolve proxy.cloud.example:8080:127.0.0.1 -x https://proxy.cloud.example:8080 "${T[@]}" -o slowly https://pass.example/slow/3m & slowly=$!; pids="$slowly $pids"
try "a tunnel of such a program is open" until_true 10 test -s slowly
try "it is put on the body's list" eval 'jq --argjson p "$program" ".orgs[0].deny_ja4 = [\"t13d1516h2_8daaf6152771_e5627efa2ab1\"] + \$p" state/generations/a/proxyd.json >proxyd.new && cat proxyd.new >state/generations/a/proxyd.json && reread_proxy'
try "the tunnel is cut" until_true 10 eval '! kill -0 $slowly 2>/dev/null'
try "the program gets the page, whoever asks by it" page 403 このプログラムでの通信は制限されています $A "${T[@]}" http://site.example:8000/10k
try "and with no name, or a wrong one: it can't even guess" eval 'get 403 $A http://site.example:8000/10k && get 403 $A $(as hanako:wrong-door) http://site.example:8000/10k'
try "the event names the rule and what it was known by" event '"proxy_ja4":"[^"]*"\},[^{}]*"disposition":"Blocked","rule":\{"uid":"url.deny_ja4\[[12]\]"' 
try "a tunnel shows the page inside, where it is opened" page 403 このプログラムでの通信は制限されています $A "${T[@]}" https://site.example/10k
try "and isn't granted, where it isn't" tunnel 403 $A "${T[@]}" https://pass.example/10k
try "the page that checks a terminal stays open to it" get 200 $A http://via.proxy.cloud.example/set.svg
try "another program of the same person goes on" get 200 $A --proxy-tls13-ciphers TLS_AES_256_GCM_SHA384 "${T[@]}" http://site.example:8000/10k
config; reread_proxy
try "taken off the list it is served again" get 200 $A "${T[@]}" https://site.example/10k

# ---- is this terminal set right?
try "the page that says so needs no name, and no proxy" page 200 この端末の設定の確認 -x '' http://127.0.0.1:8080/check
try "nor through the proxy" eval 'page 200 "Does it trust the authority" $A http://proxy.cloud.example:8080/check && page 200 設定されています $A http://via.proxy.cloud.example/set.svg'
try "who trusts the authority gets its picture, is counted and told" eval 'page 200 信頼しています $A https://via.proxy.cloud.example/trust.svg && until_true 5 counted 412015 check_trust 1 && event "\"src_endpoint\":\{\"ip\":\"127.0.0.1\".*\"rule\":\{\"uid\":\"check.trust\""'
try "who doesn't, not; nor does it come in clear" eval 'get 000 --proxy-cacert ca.pem --cacert good.pem --resolve proxy.cloud.example:8080:127.0.0.1 -x https://proxy.cloud.example:8080 https://via.proxy.cloud.example/trust.svg && get 403 $A http://via.proxy.cloud.example/trust.svg && counted 412015 check_trust 1'
try "a tunnel to it leads nowhere else" eval 'get 000 $A --connect-to site.example:443:via.proxy.cloud.example:443 https://site.example/10k && get 421 $A -H "Host: site.example" https://via.proxy.cloud.example/10k'
looks() { # HOME WIDTH: a real browser opens the page
	timeout 60 env HOME="$top/$1" chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking --lang=ja --user-data-dir="$top/$1/profile$2" \
		--proxy-server=http://127.0.0.1:8081 --window-size="$2,1000" --screenshot="$shots/check-$1-$2.png" http://proxy.cloud.example:8080/check >chromium.log 2>&1 && [ -s "$shots/check-$1-$2.png" ]
}
shots=$here/../../build/test-log; mkdir -p "$shots" with/.pki/nssdb without
certutil -d sql:with/.pki/nssdb -N --empty-password && certutil -d sql:with/.pki/nssdb -A -t C,, -n cloud -i run/ca.pem
try "Chromium without the authority: the page comes, its picture doesn't" eval 'looks without 390 && until_true 5 counted 412023 check_page 1 && is "$(counter 412023 check_trust | sed s/^0$//)" ""'
try "with it, both do" eval 'looks with 1280 && until_true 5 counted 412023 check_trust 1'

# ---- a real browser whose terminal is signed in to the domain, over TLS to the proxy: AuthServerAllowlist says whom it shows tickets to
echo 127.0.0.1 proxy.cloud.example >hosts # by a name that resolves: it asks for a ticket for what its resolver calls the proxy
browses() { # TICKETS URL: the page it ends at, in page.html
	timeout 60 unshare -m sh -c 'mount --bind "$1" /etc/hosts; shift; exec "$@"' sh "$top/hosts" env HOME="$top/with" KRB5CCNAME="FILE:$1" \
		chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking --lang=ja --user-data-dir="$top/with/profile-tickets" \
		--proxy-server=https://proxy.cloud.example:8080 --auth-server-allowlist=proxy.cloud.example --dump-dom "$2" 2>chromium.log >page.html
}
reads() { # TICKETS URL TEXT: ends at a page with it; else what came instead is told
	browses "$1" "$2"
	local code=$?
	grep -q "$3" page.html || { echo "Chromium ended with $code, at: $(head -c 300 page.html | tr '\n' ' ')"; tail -5 chromium.log; return 1; }
}
try "Chromium with a ticket: the page, and nobody is asked for anything" reads $top/tickets http://site.example:8000/hello "<p>hello</p>"
try "over HTTPS too" reads $top/tickets https://site.example/hello "<p>hello</p>"
try "its requests in the tunnel are that person's" event '"user_agent":"[^"]*HeadlessChrome.*"scheme":"https".*"intercepted":true.*"user":\{"name":"taro"'
try "the page that checks the terminal says who it is taken for" eval 'reads $top/tickets http://proxy.cloud.example:8080/check 利用者の確認 && event "HeadlessChrome.*\"user\":\\{\"name\":\"taro\".*\"uid\":\"check.user\""'
passwords=false config; reread_proxy
try "Chromium without one: a page that says what is missing, and what to do" eval 'browses $top/none http://site.example:8000/hello; grep -q 端末がドメインにログインしていません page.html && grep -q ログインし直してください page.html'
try "over HTTPS its own page, as no browser shows what answers a CONNECT" eval 'browses $top/none https://site.example/hello; [ ! -s page.html ] && grep -q ERR_PROXY_AUTH_UNSUPPORTED chromium.log'
config; reread_proxy

# ---- by group
try "the body's black list holds for hanako" page 403 あなたの団体の閲覧禁止リスト $A $(as hanako:hanako-1) http://deny.example:8000/10k
try "taro's group may" get 200 $A "${T[@]}" http://deny.example:8000/10k
try "by its list" event '"name":"taro".*"uid":"url.group_white\[press\]"'
try "and may not what its own list forbids, in a tunnel too" page 403 グループの閲覧禁止リスト $A "${T[@]}" https://secret.example/10k
try "others may" get 200 $A $(as hanako:hanako-1) http://secret.example:8000/10k
d=$here/../golden/two/description
checks() { local want=$1; shift; "$toride" url check --desc "$d" --org 412023 "$@" >out; is "$?" "$want"; }
try "url check: without a group" checks 0 https://sns.example/
try "url check: with it" eval 'checks 1 --groups soumu https://sns.example/ && grep -qF "url.group_black[soumu-only]" out'
try "url check: a group there isn't is a fault, not an answer" eval '"$toride" url check --desc "$d" --org 412023 --groups soum https://press.example/ 2>try2; [ $? != 0 ] && grep -q "no group soum" try2'

# ---- what brings the authority to the terminals
kit() { "$toride" ca kit --org 412023 --desc "$d" -o kit && openssl x509 -inform der -in kit/windows/toride-ca.cer | cmp - run/ca.pem; }
try "ca kit writes the authority in force" kit
try "each form holds that certificate, under Windows' name for it" python3 - <<-'END'
	import base64, hashlib, json, plistlib, re
	der = open('kit/windows/toride-ca.cer', 'rb').read(); name = hashlib.sha1(der).hexdigest().upper()
	assert plistlib.load(open('kit/apple/toride-ca.mobileconfig', 'rb'))['PayloadContent'][0]['PayloadContent'] == der
	for f in 'windows', 'android', 'ios': assert base64.b64decode(json.load(open('kit/intune/%s.json' % f))['trustedRootCertificate']) == der
	pol = open('kit/windows/registry.pol', 'rb').read(); assert pol[:8] == b'PReg\1\0\0\0' and der in pol and name.encode('utf-16le') in pol
	blob = bytes.fromhex(re.search(r'hex:([0-9a-f,]+)', open('kit/windows/toride-ca.reg').read()).group(1).replace(',', '')); assert blob in pol and blob.endswith(der)
	assert json.load(open('kit/firefox/policies.json'))['policies']['Certificates']['ImportEnterpriseRoots'] is True
	text = open('kit/README.txt').read(); assert hashlib.sha256(der).hexdigest() in text and 'http://proxy.toride.example:8080/check' in text
END
try "of a file that holds the authority's key too, no form holds the key" eval 'cat good.key good.pem >both.pem && "$toride" ca kit --org 412023 --desc "$d" --ca both.pem -o kit3 >/dev/null && ! grep -rq "PRIVATE KEY" kit3 && openssl x509 -in kit3/toride-ca.pem -outform der | cmp - kit3/windows/toride-ca.cer'
try "a leaf is no authority" eval '! "$toride" ca kit --org 412023 --desc "$d" --ca site.crt -o kit2 2>try2 && grep -q "no certificate of an authority" try2 && [ ! -e kit2/README.txt ]'

# ---- in clear
try "in clear nobody is asked, so no browser sends a password" page 403 暗号化せずに -x http://127.0.0.1:8080 http://site.example:8000/10k
try "and one that is sent isn't taken" get 403 -x http://127.0.0.1:8080 "${T[@]}" http://site.example:8000/10k
try "the page that checks a terminal says that of it, and not to sign in again" page 200 '✗ 暗号化せずに接続しています' -x http://127.0.0.1:8080 http://via.proxy.cloud.example/user.svg
try "a tunnel in clear shows the page inside" page 403 暗号化せずに --cacert ca.pem -x http://127.0.0.1:8080 https://site.example/10k
try "a body that has accepted it (StartTLS, people look themselves up)" get 200 $B "${T[@]}" https://site.example/10k
try "with another body's groups" event '"org":"412023".*"user":\{"name":"taro","groups":\[\{"name":"soumu"'

# ---- guessing
for i in 2 3 4; do curl -s -o /dev/null $A $(as hanako:wrong-$i) http://site.example:8000/10k; done
for i in 1 2 3 4 5 6 7; do curl -s -o /dev/null $A $(as hanako:wrong-4) http://site.example:8000/10k; done
try "the same wrong password again is no new guess: the right one passes" get 200 $A $(as hanako:hanako-1) http://site.example:8000/10k
for i in 1 2 3 4 5; do curl -s -o /dev/null $A $(as JIRO:no-$i) http://site.example:8000/10k; done
try "five different ones lock the name at that terminal" page 403 '15 分間' $A $(as jiro:jiro-1) http://site.example:8000/10k
try "which is told" event '"name":"JIRO".*"status_detail":"name_locked"'
try "a tunnel shows it inside" page 403 '15 分間' $A $(as jiro:jiro-1) https://site.example/10k
try "elsewhere he may" get 200 --interface 127.0.0.3 $A $(as jiro:jiro-1) http://site.example:8000/10k
try "and is known here then: others' guesses don't lock out who works" get 200 $A $(as jiro:jiro-1) http://site.example:8000/10k

# Forty at once, as one program may send them: asked one by one all the same, as far as it takes to lock the name.
try "forty different ones at once aren't forty guesses" python3 - <<-'END'
	import socket, struct
	def text(s): return struct.pack('>H', len(s)) + s
	def question(i): return b'\1' + struct.pack('>Q', i) + text(b'412015') + b'\4' + bytes([10, 9, 9, 9]) + bytes(12) + text(b'taro') + text(b'at-once-%d' % i) + bytes(4)
	s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect('run/users.sock')
	s.sendall(b''.join(struct.pack('>I', len(q)) + q for q in map(question, range(40))))
	f = s.makefile('rb'); answers = [f.read(struct.unpack('>I', f.read(4))[0])[9] for _ in range(40)]
	asked, locked = answers.count(1), answers.count(2) # USERS_WRONG, USERS_LOCKED
	assert asked + locked == 40 and 5 <= asked <= 10, answers # six are under way at a time
END

# ---- a directory that isn't there, or isn't it
try "a directory certified by somebody else is no directory; C lets people pass without a name then" get 200 $C "${T[@]}" http://site.example:8000/10k
try "counted" eval 'until_true 5 counted 412031 unnamed 1'
try "and told" event '"class_uid":6002.*"userd"'
# one body's directory takes the connection and says nothing: the others' descriptions change all the same
run python3 -c 'import socket, time; s = socket.create_server(("127.0.0.22", 636)); open("listens", "w"); c = s.accept(); open("hangs", "w"); time.sleep(600)'
listener=$!
until_true 10 test -e listens
reread() { : >run/ready/userd; kill -HUP "$userd"; until_true 10 test -s run/ready/userd; }
jq '.orgs[2].servers=["127.0.0.22"]' state/generations/a/userd.json >userd.new && cat userd.new >state/generations/a/userd.json && reread
curl -s -m 30 -o /dev/null $C $(as hanako:hanako-1) http://site.example:8000/10k &
hanging=$!
try "a directory that hangs holds up no change of the description" eval 'until_true 10 test -e hangs && reread && reread'
kill "$listener"
wait "$hanging"
# one connection, so one thread of the proxy's: it has asked about him, and is asked again when userd is gone
cat >twice.py <<-'END'
	import base64, os, socket, time
	s = socket.create_connection(('127.0.0.1', 8081)); f = s.makefile('rb')
	head = b'GET http://site.example:8000/10k HTTP/1.1\r\nHost: site.example:8000\r\nProxy-Authorization: Basic %s\r\n\r\n' % base64.b64encode('taro:Tarō:pass wörd'.encode())
	def page():
	  s.sendall(head); lines = list(iter(f.readline, b'\r\n')); n = [int(l.split(b':')[1]) for l in lines if l.lower().startswith(b'content-length')][0]
	  f.read(n); return lines[0].split()[1].decode()
	first = page(); open('asked', 'w')
	while not os.path.exists('killed'): time.sleep(0.05)
	open('twice', 'w').write(first + ' ' + page())
END
run python3 twice.py
until_true 20 test -e asked
kill -9 "$userd"; wait "$userd" 2>/dev/null
: >run/ready/userd; touch killed
try "userd killed: who was just known goes on" eval 'until_true 20 test -s twice && is "$(cat twice)" "200 200"'
try "userd comes back" userd_start
try "and answers whom the proxy hasn't asked about yet" get 200 $B $(as hanako:hanako-1) http://site.example:8000/10k
forget() { : >run/ready/proxyd; kill -HUP "$proxyd"; until_true 10 test -s run/ready/proxyd; } # what the proxy's threads know
kill -9 "$(cat ldap/pid)"
try "without a directory, whom userd knows passes" eval 'forget && get 200 $B $(as hanako:hanako-1) http://site.example:8000/10k'
try "who wasn't doesn't, and is told why" page 503 '応答がありません' $A "${T[@]}" http://site.example:8000/10k
try "no password stands in any log" eval 'grep -aqE "pass w|hanako-1|jiro-1|look:up" *.log events.bin run/stats/*; is $? 1'
echo "1..$n"
exit "${bad:-0}"
