#!/bin/sh
# Who we are, from every source: tests/odd-keys.pl gives keys, tests/odd-s3.pl
# takes them.
. "$(dirname "$0")/lib.sh"

SEG_STORE=s3://bkt/p
no_proxy='*'
export SEG_STORE no_proxy
servers=
at_exit() {
	# shellcheck disable=SC2086
	[ -z "$servers" ] || kill $servers 2>/dev/null
}

# start SCRIPT DIR [ODDITY...]: its port in DIR/port
start() {
	start_dir=$2
	mkdir "$start_dir"
	start_script=$1
	shift
	setpriv --pdeathsig KILL perl "$TOP/tests/$start_script" "$@" \
		>"$start_dir/port" 2>"$start_dir/err" &
	servers="$servers $!"
	await test -s "$start_dir/port" || {
		fail "$start_script starts"
		done_testing
	}
}

# serve ODDITY...: a new service, empty, in $dir
served=0
serve() {
	served=$((served + 1))
	dir=$T/srv.$served
	start odd-s3.pl "$dir" "$@"
	AWS_ENDPOINT_URL_S3=http://127.0.0.1:$(cat "$dir/port")
	export AWS_ENDPOINT_URL_S3
}

start odd-keys.pl "$T/keys"
port=$(cat keys/port)
at=http://127.0.0.1:$port
serve keys-for=100000
mkdir "$HOME/.aws"
mkseg work shop 1 5 1000 9 1 3 >f
ok "a segment" env AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b seg-upload "$(cat f)"

# fresh: the counts of the service that gives keys begin anew
fresh() {
	rm -f keys/count.*
	: >keys/log
	rm -f "$dir"/used.*
}

# used: with which access keys and tokens the service was asked
used() {
	for file in "$dir"/used.*; do
		printf '%s' "${file##*/used.}" | perl -ne 'print pack("H*", $_), "\n"'
	done
}

# quiet DESC: no secret in what was said
quiet() {
	is "$(cat out err | grep -c -e 'SECRET[0-9T]' -e TOKEN[0-9] -e IMDSTOKEN \
		-e WEBTOKEN -e AUTHTOKEN)" 0 "$1: no secret in it"
}

# unhurried CMD...: by a clock that takes a machine that is slow for a fast one, as
# what gives keys has a second or ten
unhurried() {
	by_clock 0 0.01 "$@"
}

# works DESC "ID TOKEN" ENV-ARG...: those sign, and nothing that is said or traced
# has a secret in it
works() {
	works_of=$1 works_with=$2
	shift 2
	fresh
	ok "$works_of" unhurried env "$@" SEG_TRACE=1 seg-list -v
	is "$(used)" "$works_with" "$works_of: with its keys"
	quiet "$works_of"
}

# refused STATUS DESC PATTERN ENV-ARG...: said once, the service is not asked
hurry=unhurried
refused() {
	refused_status=$1 refused_of=$2 pattern=$3
	shift 3
	fresh
	must_fail "$refused_status" $hurry env "$@" seg-list --retry-for 0
	err_like "^seg-list: .*$pattern" "$refused_of: said"
	is "$(grep -c . err)" 1 "$refused_of: once"
	is "$(used 2>/dev/null | grep -c '[^*]')" 0 "$refused_of: nothing is sent"
	quiet "$refused_of"
}

# asked N: what gives keys, so many times
asked() {
	[ "$(grep -c . keys/log)" = "$1" ]
}

# --- each source

file=AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
echo AUTHTOKEN2 >auth
echo WEBTOKEN >web
works "the environment" "ENV ENVT" AWS_ACCESS_KEY_ID=ENV \
	AWS_SECRET_ACCESS_KEY=SECRET0 AWS_SESSION_TOKEN=ENVT
full=AWS_CONTAINER_CREDENTIALS_FULL_URI
works "a container" "ID1 TOKEN1" "$full=$at/ecs/x"
is "$(cat keys/log)" "GET /ecs/x" "without an authorization"
works "a container, by name" "ID1 TOKEN1" "$full=http://localhost:$port/ecs/x"
works "its authorization" "ID1 TOKEN1" "$full=$at/ecs/auth=AUTHTOKEN1" \
	AWS_CONTAINER_AUTHORIZATION_TOKEN=AUTHTOKEN1
works "its authorization in a file" "ID1 TOKEN1" "$full=$at/ecs/auth=AUTHTOKEN2" \
	AWS_CONTAINER_AUTHORIZATION_TOKEN=AUTHTOKEN1 "$file=auth"
works "no proxy is asked for it" "ID1 TOKEN1" "no_proxy=127.0.0.1" \
	"http_proxy=http://127.0.0.1:1" "$full=http://localhost:$port/ecs/x"
imds="-u AWS_EC2_METADATA_DISABLED"
# shellcheck disable=SC2086
works "instance metadata" "ID1 TOKEN1" $imds \
	"AWS_EC2_METADATA_SERVICE_ENDPOINT=$at/imds/"
cat >want <<-END
	PUT /imds/latest/api/token
	GET /imds/latest/meta-data/iam/security-credentials/ IMDSTOKEN
	GET /imds/latest/meta-data/iam/security-credentials/a-role IMDSTOKEN
END
same keys/log want "in three steps"
sts="AWS_ENDPOINT_URL_STS=$at/sts"
web="AWS_ROLE_ARN=arn:r AWS_WEB_IDENTITY_TOKEN_FILE=web $sts"
# shellcheck disable=SC2086
works "web identity" "ID1 TOKEN1" $web AWS_ROLE_SESSION_NAME=me
is "$(cat keys/log)" "POST /sts/ Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Ar&RoleSessionName=me&WebIdentityToken=WEBTOKEN" \
	"unsigned, with the token"

cat >"$HOME/.aws/config" <<-END
	[profile role]
	role_arn = arn:role
	source_profile = session
	external_id = e/x
	role_session_name = name
	duration_seconds = 900
	[profile session]
	aws_access_key_id = SESSION
	aws_secret_access_key = SECRET0
	aws_session_token = SESSIONT
	[profile self]
	role_arn = arn:self
	source_profile = self
	aws_access_key_id = SELF
	aws_secret_access_key = SECRET0
	[profile two]
	role_arn = arn:two
	source_profile = role
	[profile environment]
	role_arn = arn:env
	credential_source = Environment
	[profile ecs]
	role_arn = arn:ecs
	credential_source = EcsContainer
	[profile web]
	role_arn = arn:web
	web_identity_token_file = web
	[profile process]
	credential_process = printf '{"Version": 1, "AccessKeyId": "PROC", "SecretAccessKey": "SECRET0", "SessionToken": "PROCT"}'; cat; echo said >&2
	[profile plain]
	region = r1
	[profile loop]
	role_arn = arn:loop
	source_profile = pool
	[profile pool]
	role_arn = arn:pool
	source_profile = loop
	[profile selfless]
	role_arn = arn:selfless
	source_profile = selfless
	[profile nowhere]
	role_arn = arn:nowhere
	source_profile = none
	[profile alone]
	role_arn = arn:alone
	[profile code]
	role_arn = arn:code
	source_profile = session
	mfa_serial = arn:mfa
	[profile sso]
	sso_session = mine
	[profile fails]
	credential_process = echo why >&2; exit 7
	[profile junk]
	credential_process = echo SECRET0
	[profile version]
	credential_process = echo '{"Version": 2, "AccessKeyId": "a", "SecretAccessKey": "SECRET0"}'
	[profile endless]
	credential_process = yes
$(for i in 1 2 3 4 5 6 7 8 9; do
		printf '[profile long%d]\nrole_arn = a\nsource_profile = long%d\n' \
			$i $((i + 1))
	done)
END
works "a role" "ID1 TOKEN1" AWS_PROFILE=role "$sts"
out=$(cat keys/log)
is "${out#*aws4_request, }" "SESSIONT Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Arole&RoleSessionName=name&DurationSeconds=900&ExternalId=e%2Fx" \
	"with what its profile says"
is "$(grep -c '^POST /sts/ Credential=SESSION/[0-9]*/us-east-1/sts/aws4_request' keys/log)" \
	1 "signed by its source"
works "a role by the keys beside it" "ID1 TOKEN1" AWS_PROFILE=self "$sts"
is "$(grep -c Credential=SELF/ keys/log)" 1 "signed by them"
works "a role by a role" "ID2 TOKEN2" AWS_PROFILE=two "$sts"
is "$(grep -c 'Credential=ID1/.*TOKEN1.*arn%3Atwo' keys/log)" 1 "one after the other"
works "a role by a container" "ID2 TOKEN2" AWS_PROFILE=ecs "$sts" "$full=$at/ecs/x"
works "web identity of a profile" "ID1 TOKEN1" AWS_PROFILE=web "$sts"
works "a command" "PROC PROCT" AWS_PROFILE=process
err_like '^said$' "its stderr passes through"

# --- their order: each before all below it

: >"$HOME/.aws/credentials"
all="AWS_ACCESS_KEY_ID=ENV AWS_SECRET_ACCESS_KEY=SECRET0 AWS_PROFILE=session
	$web LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID=LIBSQL
	LIBSQL_BOTTOMLESS_AWS_SECRET_ACCESS_KEY=SECRET0
	AWS_CONTAINER_CREDENTIALS_FULL_URI=$at/ecs/x
	AWS_EC2_METADATA_SERVICE_ENDPOINT=$at/imds AWS_EC2_METADATA_DISABLED=no"
printf '[default]\naws_access_key_id = DEFAULT\naws_secret_access_key = SECRET0\n' \
	>"$HOME/.aws/credentials"
# order DESC "KEYS" WHERE VARIABLE...: without these, the keys are those, from there
order() {
	order_of=$1 order_keys=$2 order_where=$3
	shift 3
	for order_v; do
		all=$(printf '%s' "$all" | tr -s '[:space:]' '\n' | grep -v "^$order_v=")
	done
	# shellcheck disable=SC2086
	works "$order_of" "$order_keys" $all
	is "$(sed 's/^[A-Z]* .\([a-z]*\).*/\1/' keys/log | uniq)" "$order_where" \
		"$order_of: nobody else is asked"
}
order "the environment first" "ENV " ""
order "then AWS_PROFILE" "SESSION SESSIONT" "" AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
order "then web identity" "ID1 TOKEN1" sts AWS_PROFILE
order "then the profile default" "DEFAULT " "" AWS_WEB_IDENTITY_TOKEN_FILE
rm "$HOME/.aws/credentials"
order "then libsql's" "LIBSQL " ""
order "then the container" "ID1 TOKEN1" ecs LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID \
	LIBSQL_BOTTOMLESS_AWS_SECRET_ACCESS_KEY
order "then the machine" "ID1 TOKEN1" imds AWS_CONTAINER_CREDENTIALS_FULL_URI
works "a profile without any is passed over" "ID1 TOKEN1" AWS_PROFILE=plain \
	"$full=$at/ecs/x"

# --- who may not be asked

# .nip.io and the like resolve to what they like; other spellings are the same.
for url in http://example.com/ http://127.0.0.1.example.com/ \
	http://169.254.169.254/ http://169.254.170.3/ 'http://[fd00:ec2::24]/' \
	http://128.0.0.1/ 'http://[::ffff:1.2.3.4]/' http://10.0.0.1:80/; do
	refused 2 "$url" 'is not asked without https' "$full=$url"
done
refused 2 "a user" "a user in it" "$full=http://u:SECRET0@127.0.0.1:$port/ecs/x"
refused 2 "another host behind a user" "." "$full=http://127.0.0.1@example.com/"
refused 2 "another scheme" "not a valid URL" "$full=ftp://127.0.0.1/"
refused 2 "no URL" "not a valid URL" "$full=x y"
refused 2 "no path" "not a path" AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=@example.com/
works "the same address, otherwise written" "ID1 TOKEN1" "$full=http://2130706433:$port/ecs/x"

# --- the containers' own host, in a network of its own

# Not where that is not permitted.
if unshare -rn ip link set lo up 2>/dev/null; then
	mkdir agent service
	# shellcheck disable=SC2016
	ok "a container's own host" unshare -rn setpriv --pdeathsig KILL sh -c '
		ip link set lo up && ip addr add 169.254.170.2/32 dev lo || exit
		perl "$TOP/tests/odd-keys.pl" agent 169.254.170.2:80 >agent/port &
		agent=$!
		perl "$TOP/tests/odd-s3.pl" service keys-for=9 >service/port &
		service=$!
		. "$TOP/tests/await.sh"
		await test -s agent/port -a -s service/port || exit
		AWS_ENDPOINT_URL_S3=http://127.0.0.1:$(cat service/port) \
			AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/ecs/x seg-list -N
		status=$?
		kill $agent $service
		exit $status'
	is "$(cat agent/log)" "GET /ecs/x" "it is asked"
	is "$(cd service && ls used.*)" "used.$(printf 'ID1 TOKEN1' |
		od -An -v -tx1 | tr -d ' \n')" "with its keys"
else
	note "no network of its own here: 169.254.170.2 is not tried"
fi

# --- a command that does not end

if [ -n "${SOAK:-}" ]; then
	for hangs in "sleep 1234.$$" "exec >&-; sleep 1234.$$"; do
		printf '[profile hangs]\ncredential_process = %s\n' "$hangs" >hangs
		must_fail 3 env AWS_CONFIG_FILE="$T/hangs" AWS_PROFILE=hangs \
			seg-list --retry-for 0
		err_like 'credential_process: not done after 60 seconds' "$hangs"
		is "$(pgrep -c -fx "sleep 1234.$$")" 0 "it is killed"
	done
fi

# --- a source that is set up and fails is the end

libsql="LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID=a LIBSQL_BOTTOMLESS_AWS_SECRET_ACCESS_KEY=b"
mkfifo fifo
# shellcheck disable=SC2086
{
	refused 2 "a container's 403" "403 Forbidden" "$full=$at/ecs/status=403"
	refused 3 "its 500" "500 Internal" "$full=$at/ecs/status=500"
	refused 3 "nobody there" "onnect" "$full=http://127.0.0.1:1/"
	refused 2 "a redirect" "302 Found, which is not followed" "$full=$at/ecs/to=$port"
	is "$(grep -c . keys/log)" 1 "is not followed"
	refused 2 "an answer that is long" "too long" "$full=$at/ecs/big=1"
	refused 2 "no JSON" "no credentials in JSON" "$full=$at/ecs/body=SECRET0"
	refused 2 "half of it" "no SecretAccessKey" \
		"$full=$at/ecs/body=%7b%22AccessKeyId%22:%22a%22%7d"
	refused 2 "a break in the key" "control" "$full=$at/ecs/body=%7b%22AccessKeyId%22:%22a%5cn%22,%22SecretAccessKey%22:%22SECRET0%22%7d"
	refused 2 "a wrong authorization" 401 "$full=$at/ecs/auth=AUTHTOKEN1" \
		AWS_CONTAINER_AUTHORIZATION_TOKEN=AUTHTOKEN2
	refused 2 "a break in the authorization" "line break" "$full=$at/ecs/x" \
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=AUTHTOKEN2
x: y"
	is "$(grep -c . keys/log)" 0 "is not sent"
	refused 2 "no such file" "none: No such" "$full=$at/ecs/x" "$file=none"
	refused 2 "a pipe" "not a file" "$full=$at/ecs/x" "$file=fifo"
	refused 2 "no token file" "none: No such" $web $libsql \
		AWS_WEB_IDENTITY_TOKEN_FILE=none
	refused 2 "no role" "AWS_ROLE_ARN is not" $libsql $sts \
		AWS_WEB_IDENTITY_TOKEN_FILE=web
	refused 2 "refused by STS" "400 InvalidIdentityToken: no" $web $libsql \
		"$sts/code=InvalidIdentityToken"
	refused 3 "STS in trouble" "IDPCommunicationError" $web $libsql \
		"$sts/code=IDPCommunicationError"
	refused 2 "no XML" "no credentials in XML" $web "$sts/body=SECRET0"
	refused 3 "metadata in trouble" "instance metadata: 500" $imds \
		"AWS_EC2_METADATA_SERVICE_ENDPOINT=$at/imds/status=500"
	is "$(grep -c . keys/log)" 1 "asked with --retry-for 0"
	hurry=
	refused 3 "metadata that says nothing" "instance metadata: " $imds \
		"AWS_EC2_METADATA_SERVICE_ENDPOINT=$at/imds/slow=60"
	hurry=unhurried
	ok "it was asked once" await asked 1
	refused 2 "turned off" "no credentials.*instance metadata" \
		"AWS_EC2_METADATA_SERVICE_ENDPOINT=$at/imds" AWS_EC2_METADATA_DISABLED=True
	is "$(grep -c . keys/log)" 0 "is not asked"
}
for name in 'loop:leads back to it' 'selfless:leads back to it' \
	'nowhere:profile none, a source_profile, is not there' \
	'alone:a role_arn without source_profile' 'code:mfa_serial' \
	'environment:AWS_ACCESS_KEY_ID|no credentials in its credential_source' \
	'sso:aws sso login --profile sso and eval "\$\(aws configure export-credentials --profile sso --format env\)"' \
	'junk:no credentials in JSON' 'version:its Version is not 1' \
	'endless:prints more than 64 KiB' 'long1:more than 8 profiles'; do
	# shellcheck disable=SC2086
	refused 2 "profile ${name%%:*}" "${name#*:}" "AWS_PROFILE=${name%%:*}" "$sts" $libsql
done
# shellcheck disable=SC2086
must_fail 2 env AWS_PROFILE=fails $libsql seg-list
same err - "a command that fails, and says why" <<-END
	why
	seg-list: credential_process: status 7
END
fresh
ok "what is in trouble is asked again" env "$full=$at/ecs/fail=2" seg-list -v
err_like '503 Service Unavailable; trying again' "said under -v"
fresh
# shellcheck disable=SC2086
must_fail 3 unhurried env $imds \
	"AWS_EC2_METADATA_SERVICE_ENDPOINT=$at/imds/fail=9" seg-list
is "$(grep -c . keys/log)" 2 "metadata: twice"

# --- keys that expire

many=
for i in $(seq 40); do
	many="$many $(mkseg many "n$i" 1 2 1000 9 1 2)"
done
serve keys-for=40
fresh
# shellcheck disable=SC2086
ok "rotation under -j 16" env "$full=$at/ecs/x" seg-upload -j 16 $many
is "$(grep -c . out)" 40 "all is there"
is "$(($(used | wc -l) > 3))" 1 "many keys were used"
is "$(($(grep -c . keys/log) <= $(used | wc -l) + 1))" 1 "each fetched once"
fresh
ok "and it is read" env "$full=$at/ecs/x" seg-list
is "$(grep -c . out)" 40 "all of it"

# Nothing is renewed for ever.
serve keys-for=0
fresh
must_fail 2 env "$full=$at/ecs/x" seg-list
err_like "ExpiredToken.*container" "keys that are never taken: said"
is "$(grep -c . keys/log)" 2 "fetched anew once"
serve keys-for=2
fresh
must_fail 2 env AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b AWS_SESSION_TOKEN=c \
	seg-upload -j 1 "$(cat f)"
err_like "ExpiredToken.*AWS_ACCESS_KEY_ID" "what cannot be fetched anew: said"
is "$(grep ' 400' "$dir/log" | sort | uniq -d)" "" "nothing is asked twice"
# A file may have others meanwhile.
serve keys-for=1
cat >other <<-END
	[default]
	credential_process = i=\$(cat n); echo \$((i + 1)) >n; printf '{"Version":1,"AccessKeyId":"P%d","SecretAccessKey":"s"}' \$i
END
echo 1 >n
ok "a command is run again" env AWS_SHARED_CREDENTIALS_FILE=other \
	seg-upload -j 1 "$(cat f)"
# They are fetched before that, and while they are good a failure is none.
mkseg work shop 6 10 2000 9 1 3 >f2
mkfifo later
# half_way ENV-ARG...: an upload of one segment, and when half of the time of its
# keys has passed, of another
half_way() {
	by_clock 0 0.01 env "$@" seg-upload -v <later &
	upload=$!
	exec 3>later
	{ cat f && echo; } >&3
	await grep -q ^shop/ out
	echo "0 0.01 150" 1<>clock # never empty
	{ cat f2 && echo; } >&3
	exec 3>&-
	wait "$upload"
}
serve
fresh
ok "in time" half_way "$full=$at/ecs/ttl=300"
is "$(grep -c ^shop/ out)" 2 "both are there"
is "$(grep -c . keys/log)" 2 "keys were fetched while there were good ones"
serve
fresh
ok "a source that fails later" half_way "$full=$at/ecs/ttl=300/good=1"
is "$(grep -c . keys/log)" 2 "is asked again"
err_like "container's credentials: 403 .*; the credentials that there are serve until" \
	"what there is serves on"
# What expires is asked for again, and a source that fails then is the end.
serve keys-for=3
fresh
# shellcheck disable=SC2086
must_fail 2 env "$full=$at/ecs/good=1" seg-upload -j 4 $many
err_like "container's credentials: 403" "expired, and no others: said"
is "$(grep -c "container's credentials" err)" 1 "once"

# In the middle of an upload in parts
head -c 70000000 /dev/urandom >big
sqlite3 big.db "CREATE TABLE t(x); INSERT INTO t VALUES(readfile('big'))"
env -u SEG_STORE seg-cut -d cuts big big.db | sed '/^$/d; s/	.*//' >bigpath
serve keys-for=4
fresh
ok "parts" env "$full=$at/ecs/x" seg-upload "$(cat bigpath)"
is "$(($(used | wc -l) > 2))" 1 "with keys that change"
object=$(find "$dir/objects" -size +60000k ! -name '*.part.*')
same "$object" "$(sed 's/$//' bigpath)" "whole"

done_testing
