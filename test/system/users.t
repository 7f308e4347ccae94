#!/bin/bash
# Who uses the proxy: toride-proxyd, userd and vaultd as shipped, against a real directory (slapd, TLS by an authority of its own), over TLS to
# the proxy itself. Development mode as in proxy.t: all on loopback.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$(dirname "$0")/proxy-lib.sh"
toride=$(command -v toride)

{ make_ca good; make_ca house; make_ca other; sign site good DNS:site.example,DNS:free.example,DNS:pass.example; sign dc house DNS:dc.city.example; } >/dev/null 2>&1
head -c 10240 /dev/urandom >www/10k
cat >nginx.conf <<-END
	daemon off; pid $top/nginx.pid; error_log $top/nginx.err; worker_processes 1; user root; events { }
	http { log_format told '\$host \$http_proxy_authorization|\$http_authorization'; access_log $top/told.log told; client_max_body_size 100m;
	  client_body_temp_path $top/b; proxy_temp_path $top/ptmp; fastcgi_temp_path $top/f; uwsgi_temp_path $top/u; scgi_temp_path $top/s;
	  server { listen 127.0.0.1:8000; listen 127.0.0.1:443 ssl http2; ssl_certificate site.crt; ssl_certificate_key site.key; root $top/www;
	    location = /phish { add_header Proxy-Authenticate 'Basic realm="x"' always; return 407; }
	    location = /up { return 200 "got"; } } }
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
	  resolver:"127.0.0.53",resolver_from:"127.0.0.7",tls_decryption:true,no_decrypt:["pass.example"],scan_fail:"closed",scan_max_mib:8,pac:"function FindProxyForURL(){}\n",url:{black:["deny.example"],group_lists:[{id:"press",groups:["kouhou","soumu"],white:["deny.example"],black:["secret.example"]}]},users:$users}'
}
config() {
	jq -n --arg ca "$(cat good.pem)" --argjson a "$(org 412015 1 8080 '{"realm":"Saga \"City\"","exempt_terminals":["127.0.0.99/32"],"exempt_destinations":["free.example"]}')" \
		--argjson b "$(org 412023 2 8081 '{"realm":"Karatsu","clear":true}')" --argjson c "$(org 412031 3 8082 '{"realm":"Tosu","clear":true,"fail":"open"}')" '
	{v:1, threads:2, service:{name:"試験クラウド",name_en:"Test cloud"}, proxy:{addr4:"127.0.0.1",port:8080,name:"proxy.cloud.example"}, connect_ports:[443], refuse:[], origin_ca:[$ca],
	 black:[], dev:{except:["127.0.0.0/8"],verdict_ms:6000,hosts:[{name:".example",addr:"127.0.0.1"}]}, orgs:[$a,$b,$c]}' >state/generations/a/proxyd.json
}
directory() { # CODE LDAPS PORT AUTHORITY BIND-DN SECRET BIND-AS
	cp "$4.pem" "state/generations/a/userd/$1.pem"
	jq -n --arg code "$1" --argjson ldaps "$2" --argjson port "$3" --arg dn "$5" --arg secret "$6" --arg himself "$7" '{code:$code,from4:"127.0.0.1",from6:"",ldaps:$ldaps,host:"dc.city.example",port:$port,
	  servers:["127.0.0.21","127.0.0.20"],base:"dc=city,dc=example",filter:"(uid=%u)",name:"uid",groups_attribute:"memberOf",bind_dn:$dn,bind_secret:$secret,bind_as:$himself,
	  groups:[{name:"soumu",dn:"CN=Soumu, ou=groups,DC=city,dc=example"},{name:"zaisei",dn:"cn=zaisei,ou=groups,dc=city,dc=example"}]}'
}
directories() { jq -n --argjson list "$(jq -s . <<<"$*")" '{v:1,orgs:$list}' >state/generations/a/userd.json; }
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
touch run/ready/userd; mkdir -p state/generations/a/userd
config
proxy_start
secret=$(printf 'look:up pass\n' | "$toride" directory secret --org 412015)
try "the vault wraps the password of the account that looks people up, which isn't in it" eval 'case $secret in v1:*look*) false;; v1:??????????*) ;; *) false;; esac'
directories "$(directory 412015 true 636 house uid=reader,ou=people,dc=city,dc=example "$secret" "")" "$(directory 412023 false 389 house "" "" "uid=%u,ou=people,dc=city,dc=example")" "$(directory 412031 true 636 other "" "" "uid=%u,ou=people,dc=city,dc=example")"
userd_start() { "$bin/toride-userd" >>userd.log 2>&1 & userd=$!; pids="$userd $pids"; until_true 10 test -s run/ready/userd; }
try "userd becomes ready" userd_start
show=("$top/userd.log" "$top/toride-proxyd.log")

cp run/ca.pem ca.pem
A="--proxy-cacert ca.pem --cacert ca.pem --resolve proxy.cloud.example:8080:127.0.0.1 -x https://proxy.cloud.example:8080" B="--cacert ca.pem -x http://127.0.0.1:8081" C="--cacert ca.pem -x http://127.0.0.1:8082"
as() { printf -- '--proxy-user %s' "$1"; }
T=(--proxy-user 'taro:Tarō:pass wörd')
tunnel() { local want=$1; shift; is "$(curl -s -m 20 -o out -w '%{http_connect}' "$@")" "$want"; }

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
try "another scheme than Basic: 407" get 407 $A --proxy-header 'Proxy-Authorization: Negotiate YII=' http://site.example:8000/10k
try "the origin never saw what proves who it is" eval 'grep -qx "site.example -|-" told.log && ! grep -aq "Basic" told.log'
try "an origin's own 407 is no question of ours" page 502 'asks for the proxy' $A "${T[@]}" http://site.example:8000/phish
try "and its challenge doesn't get through" eval 'get 502 -D head $A "${T[@]}" https://site.example/phish && ! grep -qi "^proxy-authenticate" head'
try "the configuration script needs no name" get 200 -x '' http://127.0.0.1:8080/proxy.pac
try "an exempt destination needs none" get 200 $A http://free.example:8000/10k
try "in a tunnel neither" get 200 $A https://free.example/10k
try "but such a tunnel leads nowhere else" eval 'get 403 $A --connect-to site.example:443:free.example:443 https://site.example/10k && event "users.login"'
try "an exempt terminal neither" get 200 --interface 127.0.0.99 -x http://127.0.0.1:8080 http://site.example:8000/10k

try "who refuses the proxy's certificate is told, for what is pinned" eval 'get 000 --proxy-cacert ca.pem --cacert good.pem --resolve proxy.cloud.example:8080:127.0.0.1 -x https://proxy.cloud.example:8080 "${T[@]}" https://site.example/10k && event "\"hostname\":\"site.example\".*\"ja4\":\"t1.*\"user\":\\{\"name\":\"taro\".*\"uid\":\"tls.client\""'

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
	assert hashlib.sha256(der).hexdigest() in open('kit/README.txt').read()
END
try "of a file that holds the authority's key too, no form holds the key" eval 'cat good.key good.pem >both.pem && "$toride" ca kit --org 412023 --desc "$d" --ca both.pem -o kit3 >/dev/null && ! grep -rq "PRIVATE KEY" kit3 && openssl x509 -in kit3/toride-ca.pem -outform der | cmp - kit3/windows/toride-ca.cer'
try "a leaf is no authority" eval '! "$toride" ca kit --org 412023 --desc "$d" --ca site.crt -o kit2 2>try2 && grep -q "no certificate of an authority" try2 && [ ! -e kit2/README.txt ]'

# ---- in clear
try "in clear nobody is asked, so no browser sends a password" page 403 暗号化せずに -x http://127.0.0.1:8080 http://site.example:8000/10k
try "and one that is sent isn't taken" get 403 -x http://127.0.0.1:8080 "${T[@]}" http://site.example:8000/10k
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
	def question(i): return b'\1' + struct.pack('>Q', i) + text(b'412015') + b'\4' + bytes([10, 9, 9, 9]) + bytes(12) + text(b'taro') + text(b'at-once-%d' % i)
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
kill -9 "$userd"; wait "$userd" 2>/dev/null
: >run/ready/userd
try "userd killed: who was just known goes on" get 200 $A "${T[@]}" http://site.example:8000/10k
try "userd comes back" userd_start
try "and answers whom the proxy hasn't asked about yet" get 200 $B $(as hanako:hanako-1) http://site.example:8000/10k
forget() { : >run/ready/proxyd; kill -HUP "$proxyd"; until_true 10 test -s run/ready/proxyd; } # what the proxy's threads know
kill -9 "$(cat ldap/pid)"
try "without a directory, whom userd knows passes" eval 'forget && get 200 $B $(as hanako:hanako-1) http://site.example:8000/10k'
try "who wasn't doesn't, and is told why" page 503 '応答がありません' $A "${T[@]}" http://site.example:8000/10k
try "no password stands in any log" eval 'grep -aqE "pass w|hanako-1|jiro-1|look:up" *.log events.bin run/stats/*; is $? 1'
echo "1..$n"
exit "${bad:-0}"
