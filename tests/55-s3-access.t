#!/bin/sh
# Credentials, profiles, regions, endpoints and certificates, from the variables
# and files that other S3 clients take them from.
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/s3.sh"

S3_TLS=yes
s3_start
s3_mb bkt
SEG_STORE=s3://bkt/pre/fix
export SEG_STORE
mkseg work shop 1 5 1000 9 1 3 >f
ok "a segment" seg-upload "$(cat f)"
ok "of another cluster" seg-upload -s s3://bkt/c -C c+d "$(cat f)"

# --- who may.  works DESC ENV-ARG..., refused DESC PATTERN ENV-ARG...: in the
# --- environment that "env" makes of the arguments

ok "the list" seg-list shop
cp out listing
works() {
	test_of=$1
	shift
	ok "$test_of" env "$@" seg-list shop
	same out listing "$test_of: the list"
}
refused() {
	test_of=$1 pattern=$2
	shift 2
	must_fail 2 env "$@" seg-list shop
	empty out "$test_of: nothing on stdout"
	err_like "^seg-list: .*$pattern" "$test_of: said"
	is "$(grep -c . err)" 1 "$test_of: once"
	is "$(grep -cF -e "$s3_secret" -e Signature= err)" 0 \
		"$test_of: no secret in it"
}
no='-u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY'
# shellcheck disable=SC2086
{
	for said in AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY "$HOME/.aws/credentials"; do
		refused "no credentials" "$said" $no
	done
	refused "no secret" AWS_SECRET_ACCESS_KEY -u AWS_SECRET_ACCESS_KEY
	refused "no key" AWS_ACCESS_KEY_ID -u AWS_ACCESS_KEY_ID
	refused "an empty key" AWS_ACCESS_KEY_ID AWS_ACCESS_KEY_ID=
	refused "a wrong key" 403 AWS_ACCESS_KEY_ID=NOBODY
	refused "a wrong secret" 403 AWS_SECRET_ACCESS_KEY=wrong
	refused "a key with a newline" AWS_ACCESS_KEY_ID "AWS_ACCESS_KEY_ID=a
b"

	mkdir "$HOME/.aws"
	cat >"$HOME/.aws/credentials" <<-END
		# comments ; and such
		[default]
		aws_access_key_id = $s3_key
		aws_secret_access_key=$s3_secret

		[wrong]
		aws_access_key_id = $s3_key
		aws_secret_access_key = wrong
		[half]
		aws_access_key_id = $s3_key
	END
	cat >"$HOME/.aws/config" <<-END
		[default]
		region = eu-central-1
		[profile other]
		region=eu-west-1
		aws_access_key_id = $s3_key
		aws_secret_access_key = $s3_secret
		[profile here]
		endpoint_url = $AWS_ENDPOINT_URL_S3
		[profile services]
		endpoint_url = http://127.0.0.1:1
		services = local
		[services local]
		ec2 =
		  endpoint_url = http://127.0.0.1:2
		s3 =
		  endpoint_url = $AWS_ENDPOINT_URL_S3
	END
	works "the credentials file" $no
	works "a profile" $no AWS_PROFILE=other
	works "its endpoint" -u AWS_ENDPOINT_URL_S3 AWS_PROFILE=here
	works "its endpoint for S3" -u AWS_ENDPOINT_URL_S3 AWS_PROFILE=services
	works "the environment before the file" AWS_PROFILE=default
	refused "another profile" 403 $no AWS_PROFILE=wrong
	refused "half a profile" aws_secret_access_key $no AWS_PROFILE=half
	refused "no such profile" nowhere $no AWS_PROFILE=nowhere
	mv "$HOME/.aws" aws
	works "files elsewhere" $no \
		"AWS_SHARED_CREDENTIALS_FILE=$T/aws/credentials"
	works "files elsewhere" $no AWS_PROFILE=other \
		"AWS_CONFIG_FILE=$T/aws/config"
	printf '[default\naws_access_key_id' >aws/bad
	refused "a file that is none" aws/bad $no \
		"AWS_SHARED_CREDENTIALS_FILE=$T/aws/bad"

	session=$(s3_session)
	key=${session%% *} session=${session#* }
	secret=${session%% *} token=${session#* }
	session="AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret"
	works "a session token" $session "AWS_SESSION_TOKEN=$token"
	refused "credentials of a session without it" 'AccessDenied|Invalid' $session
	mkdir "$HOME/.aws"
	cat >"$HOME/.aws/credentials" <<-END
		[default]
		aws_access_key_id = $key
		aws_secret_access_key = $secret
		aws_session_token = $token
	END
	works "a session token in the file" $no
	works "no token of the file for a key of the environment" A=b
	rm -r "$HOME/.aws"

	# a role, of the service's own STS, by the keys of somebody who may do
	# nothing else
	s3_role backup ASKER
	s3_role private OTHER
	cat >roles.conf <<-END
		[profile asker]
		aws_access_key_id = ASKER
		aws_secret_access_key = secretASKER
		[profile backup]
		role_arn = arn:aws:iam:::role/backup
		source_profile = asker
		duration_seconds = 900
		[profile private]
		role_arn = arn:aws:iam:::role/private
		source_profile = asker
		[profile nobody]
		role_arn = arn:aws:iam:::role/nobody
		source_profile = asker
		[profile short]
		role_arn = arn:aws:iam:::role/backup
		source_profile = asker
		duration_seconds = 60
	END
	role="$no AWS_CONFIG_FILE=$T/roles.conf AWS_ENDPOINT_URL_STS=$AWS_ENDPOINT_URL_S3"
	refused "who may take on a role, without it" 403 $role AWS_PROFILE=asker
	works "with it" $role AWS_PROFILE=backup
	refused "a role that somebody else may take on" \
		"STS for the role arn:aws:iam:::role/private: 403" \
		$role AWS_PROFILE=private
	refused "a role that is not there" \
		"STS for the role arn:aws:iam:::role/nobody: 40[34]" \
		$role AWS_PROFILE=nobody
	refused "for less than it is given" \
		"STS for the role arn:aws:iam:::role/backup: 400" \
		$role AWS_PROFILE=short
	s3_proxy
	mkseg roles roles 1 5 2000 9 1 3 >role.f
	rules "PUTDATA expired 1" "GETDATA expired 1"
	through="$role AWS_PROFILE=backup AWS_ENDPOINT_URL_S3=http://127.0.0.1:$PROXY_PORT"
	ok "with it, upload" env $through seg-upload -v -z "$(cat role.f)"
	is "$(grep -c 'credentials from STS .*, good until' err)" 2 \
		"the keys expire, and others are fetched"
	is "$(grep -c secretASKER err)" 0 "no secret in it"
	ok "and fetch" env $through sh -c 'seg-list roles | seg-fetch -v -d role'
	is "$(grep -c '^seg-fetch: credentials from STS .*, good until' err)" 2 \
		"the keys expire, and others are fetched"
	same "$(sed 's,^roles,role,' role.f)" "$(cat role.f)" "whole"
	rules ""
	AWS_ENDPOINT_URL_S3=http://127.0.0.1:$S3_PORT

	# endpoints and regions
	end="-u AWS_ENDPOINT_URL_S3"
	works "AWS_ENDPOINT_URL" $end "AWS_ENDPOINT_URL=$AWS_ENDPOINT_URL_S3"
	works "the S3 one before it" AWS_ENDPOINT_URL=http://127.0.0.1:1
	works "with a slash at the end" AWS_ENDPOINT_URL_S3="$AWS_ENDPOINT_URL_S3/"
	works "AWS_REGION" AWS_REGION=ap-south-1
	works "AWS_DEFAULT_REGION" AWS_DEFAULT_REGION=ap-south-1
	refused "an endpoint that is none" endpoint \
		AWS_ENDPOINT_URL_S3=ftp://127.0.0.1
	refused "a region that is none" 'region' AWS_REGION="x y"

	# libsql's own
	works "libsql's" $no $end -u SEG_STORE \
		"LIBSQL_BOTTOMLESS_ENDPOINT=$AWS_ENDPOINT_URL_S3" \
		LIBSQL_BOTTOMLESS_BUCKET=bkt/pre/fix \
		LIBSQL_BOTTOMLESS_AWS_DEFAULT_REGION=eu-west-1 \
		"LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID=$s3_key" \
		"LIBSQL_BOTTOMLESS_AWS_SECRET_ACCESS_KEY=$s3_secret"
	works "AWS's before them" LIBSQL_BOTTOMLESS_ENDPOINT=http://127.0.0.1:1 \
		LIBSQL_BOTTOMLESS_BUCKET=none LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID=x \
		LIBSQL_BOTTOMLESS_AWS_SECRET_ACCESS_KEY=y
}
ok "libsql's database id is the cluster" env -u SEG_STORE \
	LIBSQL_BOTTOMLESS_BUCKET=bkt/c LIBSQL_BOTTOMLESS_DATABASE_ID=c+d seg-list
is "$(grep -c . out)" 1 "its own"

# Without an endpoint AWS's, by virtual host; asked for through a proxy, which
# answers by itself
rules "OTHER 503 -"
for want in eu-west-1/bkt:bkt.s3.eu-west-1.amazonaws.com \
	us-east-1/bkt:bkt.s3.us-east-1.amazonaws.com \
	eu-west-1/a.b:s3.eu-west-1.amazonaws.com \
	cn-north-1/bkt:bkt.s3.cn-north-1.amazonaws.com.cn; do
	log_clear
	place=${want%:*}
	must_fail 3 env -u AWS_ENDPOINT_URL_S3 "AWS_REGION=${place%/*}" \
		"https_proxy=http://127.0.0.1:$PROXY_PORT" \
		seg-list --retry-for 0 -s "s3://${place#*/}/x"
	await test -s log
	is "$(cut -d ' ' -f 2,3 log | uniq)" "CONNECT ${want#*:}:443" "$place: the host"
done
rules ""

# What a network changes is found out, unless that is not asked for
AWS_ENDPOINT_URL_S3=http://127.0.0.1:$PROXY_PORT
mkseg changed ns 1 4 9 9 1 4 >files
for when in when_supported when_required; do
	rules "PUTDATA flip-request 1"
	ok "$when: upload" env AWS_REQUEST_CHECKSUM_CALCULATION=$when \
		seg-upload -e -s s3://bkt/$when <files
	rules ""
	cp out names
	run seg-verify -s s3://bkt/$when <names
	is "$status" "$([ $when = when_required ]; echo $((! $?)))" "$when: seg-verify"
	ok "$when: removal" env AWS_REQUEST_CHECKSUM_CALCULATION=$when \
		sh -c "seg-list -s s3://bkt/$when | seg-rm -F -s s3://bkt/$when"
	must_fail 1 seg-list -s s3://bkt/$when ns
done
# nor where the server has shown that it checks the CRC-32 (this one does not)
mkseg changed ns 5 8 10 9 1 4 >>files
rules "PUTDATA confirm 1" "PUTDATA flip-request 1"
ok "upload" seg-upload -j 1 -e -s s3://bkt/confirmed <files
cp out names
must_fail 1 seg-verify -s s3://bkt/confirmed <names
is "$(grep -c ns out)" 1 "the second is not signed"
# and what it then does not know is not the checksum
mkseg changed ns 9 12 11 9 1 4 >>files
rules "PUTDATA confirm 1" "PUTDATA 501 1"
ok "upload" seg-upload -v -j 1 -e -s s3://bkt/known <files
err_like "501; tried without conditional writes" "-v says so"
is "$(grep -c 'without checksums' err)" 0 "which stay"
rules ""
must_fail 2 env AWS_REQUEST_CHECKSUM_CALCULATION=never seg-list
err_like "AWS_REQUEST_CHECKSUM_CALCULATION: never, which is neither" "said"
# Some services say 404 to a key that they do not know.
rules "LIST noupload -"
refused "a 404 that is not the bucket's" "404 NoSuchUpload.*credentials" A=b
rules ""
AWS_ENDPOINT_URL_S3=http://127.0.0.1:$S3_PORT

# Without a libcurl
mkdir none
: >none/libcurl.so.4
: >none/libcurl-gnutls.so.4
must_fail 2 env LD_LIBRARY_PATH="$T/none" seg-list
err_like "^seg-list: a bucket takes libcurl.so.4 or .*cannot be loaded: .*$" "said"
ok "a directory does not take it" env LD_LIBRARY_PATH="$T/none" \
	sh -c 'echo | seg-upload -s dir --create'

# TLS
tls=AWS_ENDPOINT_URL_S3=https://127.0.0.1:$((S3_PORT + 2))
works "AWS_CA_BUNDLE" "$tls" "AWS_CA_BUNDLE=$S3_DIR/ca.pem"
refused "an authority that is not known" certificate "$tls"
refused "a bundle that is not there" no-such.pem "$tls" AWS_CA_BUNDLE=no-such.pem
refused "no bundle" ca-key.pem "$tls" "AWS_CA_BUNDLE=$S3_DIR/ca-key.pem"
refused "another name than the certificate's" certificate \
	"AWS_ENDPOINT_URL_S3=https://localhost:$((S3_PORT + 2))" \
	"AWS_CA_BUNDLE=$S3_DIR/ca.pem"
done_testing
