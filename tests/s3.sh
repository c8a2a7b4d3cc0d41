# shellcheck shell=sh
# An S3 service for a test that needs one: sourced after lib.sh,
#
#	. "$TOP/tests/s3.sh"
#	s3_start
#
# runs a Ceph object gateway (radosgw) of its own in $T, with a monitor and one
# OSD that keeps everything in memory (a few hundred MiB at most, please), on
# ports of 127.0.0.1 that nobody else uses.  It is gone when the test ends,
# however that ends.  The environment then names it as users would:
# AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.  There is no
# bucket at first.
#
# All of these must be called by the test's own shell, not in a subshell: the
# servers end with the process that started them.

# Nothing of this is to be looked for elsewhere.
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY

S3_DIR=$T/s3
S3_PIDS=
S3_TLS=${S3_TLS:-}
# Characters that an encoder could get wrong.
s3_key=TESTKEY0123456789AB
s3_secret='wJal/rXUt+nFEMI=K7:MD%ENG#bPx&RfiCY'

at_exit() {
	for s3_pid in $S3_PIDS; do
		kill -KILL "$s3_pid" 2>/dev/null
	done
	for s3_pid in $S3_PIDS; do
		wait "$s3_pid" 2>/dev/null
	done
	S3_PIDS=
}

# s3_bg CMD...: as a server that dies with this shell; its pid in S3_PID
s3_bg() {
	setpriv --pdeathsig KILL "$@" >>"$S3_DIR/log/out" 2>&1 &
	S3_PID=$!
	S3_PIDS="$S3_PIDS $S3_PID"
}

s3_quiet() {
	timeout 300 "$@" >>"$S3_DIR/log/out" 2>&1
}

# s3_listens PORT: does anybody?
s3_listens() {
	awk -v port="$(printf '%04X' "$1")" '
		$4 == "0A" && $2 ~ ":" port "$" { found = 1 }
		END { exit !found }' /proc/net/tcp /proc/net/tcp6
}

s3_start() {
	for s3_cmd in ceph-mon:ceph-mon ceph-osd:ceph-osd radosgw:radosgw \
		radosgw-admin:ceph-common ceph:ceph-common curl:curl; do
		command -v "${s3_cmd%:*}" >/dev/null || {
			fail "the Debian package ${s3_cmd#*:} is installed"
			done_testing
		}
	done
	# Blocks of ten ports below those that the system gives away.
	for s3_try in 1 2 3 4 5; do
		S3_PORT=$((10000 + $(od -An -N2 -tu2 /dev/urandom) % 2200 * 10))
		for s3_i in 0 1 2 3 4 5 6 7 8 9; do
			s3_listens $((S3_PORT + s3_i)) && continue 2
		done
		s3_cluster && {
			s3_settings
			return
		}
		note "radosgw did not start on port $S3_PORT (try $s3_try)" >&2
		tail -n 5 "$S3_DIR/log/out" | sed 's/^/# /' >&2
		s3_stop
	done
	fail "radosgw starts"
	done_testing
}

# The environment, and the settings of curl, which keep the secret out of argv.
s3_settings() {
	AWS_ENDPOINT_URL_S3=http://127.0.0.1:$S3_PORT
	AWS_ACCESS_KEY_ID=$s3_key
	AWS_SECRET_ACCESS_KEY=$s3_secret
	export AWS_ENDPOINT_URL_S3 AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	cat >"$S3_DIR/curlrc" <<-END
		silent
		show-error
		fail
		noproxy = "*"
		aws-sigv4 = "aws:amz:us-east-1:s3"
		user = "$s3_key:$s3_secret"
		header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"
	END
}

s3_cluster() {
	rm -rf "$S3_DIR"
	mkdir "$S3_DIR" || return
	(cd "$S3_DIR" && mkdir mon osd rgw log)
	s3_fsid=$(cat /proc/sys/kernel/random/uuid)
	s3_osd=$(cat /proc/sys/kernel/random/uuid)
	s3_frontend="beast endpoint=127.0.0.1:$S3_PORT tcp_nodelay=1"
	if [ -n "$S3_TLS" ]; then
		s3_certificate || return
		s3_frontend="$s3_frontend ssl_endpoint=127.0.0.1:$((S3_PORT + 2))"
		s3_frontend="$s3_frontend ssl_certificate=$S3_DIR/cert.pem"
		s3_frontend="$s3_frontend ssl_private_key=$S3_DIR/key.pem"
	fi
	cat >"$S3_DIR/ceph.conf" <<-END
		[global]
		fsid = $s3_fsid
		mon_host = v1:127.0.0.1:$((S3_PORT + 1))
		public_addr = 127.0.0.1
		cluster_addr = 127.0.0.1
		ms_bind_msgr2 = false
		ms_bind_port_min = $((S3_PORT + 3))
		ms_bind_port_max = $((S3_PORT + 9))
		auth_cluster_required = none
		auth_service_required = none
		auth_client_required = none
		mon_data = $S3_DIR/mon
		osd_data = $S3_DIR/osd
		rgw_data = $S3_DIR/rgw
		run_dir = $S3_DIR
		crash_dir = $S3_DIR
		admin_socket =
		log_file = $S3_DIR/log/\$name.log
		debug_ms = 0/0
		debug_osd = 0/0
		debug_rgw = 0/0

		# one OSD, in memory, without checksums on the way to it
		osd_objectstore = memstore
		memstore_device_bytes = 4294967296
		ms_crc_data = false
		osd_crush_chooseleaf_type = 0
		osd_crush_update_on_start = false
		osd_class_update_on_start = false
		osd_pool_default_size = 1
		osd_pool_default_min_size = 1
		osd_pool_default_pg_num = 4
		osd_pool_default_pg_autoscale_mode = off
		mon_allow_pool_size_one = true
		mon_data_avail_crit = 1
		# a monitor by itself need not wait for others
		paxos_propose_interval = 0.05
		paxos_min_wait = 0.01

		[client.rgw]
		rgw_frontends = $s3_frontend
		rgw_enable_apis = s3, sts
		rgw_s3_auth_use_sts = true
		rgw_sts_key = 0123456789abcdef
		rgw_crypt_require_ssl = false
		rgw_crypt_s3_kms_backend = testing
		rgw_crypt_s3_kms_encryption_keys = testkey-1=YmluCmJvb3N0CmJvb3N0LWJ1aWxkCmNlcGguY29uZgo=
		rgw_dns_name = localhost
		rgw_thread_pool_size = 64
		# what is deleted goes soon
		rgw_gc_obj_min_wait = 1
		rgw_gc_processor_period = 2
	END
	s3_conf="-c $S3_DIR/ceph.conf"
	# shellcheck disable=SC2086
	s3_quiet monmaptool --create --fsid "$s3_fsid" --addv a \
		"[v1:127.0.0.1:$((S3_PORT + 1))]" "$S3_DIR/monmap" &&
		s3_quiet ceph-mon $s3_conf -i a --mkfs --monmap "$S3_DIR/monmap" ||
		return
	# shellcheck disable=SC2086
	s3_bg ceph-mon $s3_conf -i a -f
	# Of a monitor that another test has started meanwhile on this port, the
	# fsid is not ours.
	# shellcheck disable=SC2086
	[ "$(timeout 60 ceph $s3_conf osd new "$s3_osd" 2>>"$S3_DIR/log/out")" = 0 ] &&
		kill -0 "$S3_PID" &&
		s3_quiet ceph $s3_conf osd crush add osd.0 1 root=default host=h &&
		s3_quiet ceph-osd $s3_conf -i 0 --mkfs --osd-uuid "$s3_osd" || return
	# shellcheck disable=SC2086
	s3_bg ceph-osd $s3_conf -i 0 -f
	# shellcheck disable=SC2086
	s3_quiet radosgw-admin $s3_conf -n client.rgw user create --uid=tester \
		--display-name=tester --access-key="$s3_key" \
		--secret-key="$s3_secret" || return
	s3_again
}

# A certificate of an authority of its own for 127.0.0.1, ca.pem.
s3_certificate() {
	(
		cd "$S3_DIR" || exit
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
			-nodes -days 2 -subj /CN=segtools-test-ca \
			-keyout ca-key.pem -out ca.pem
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
			-subj /CN=127.0.0.1 -keyout key.pem -out req.pem
		echo subjectAltName=IP:127.0.0.1 >ext
		openssl x509 -req -in req.pem -CA ca.pem -CAkey ca-key.pem \
			-CAcreateserial -days 2 -extfile ext -out cert.pem
	) >>"$S3_DIR/log/out" 2>&1
}

# s3_again: start radosgw (after s3_kill), on what is in the OSD; up on return.  It
# takes seconds, but on a machine that others have longer than anything else.
s3_again() {
	s3_bg radosgw -c "$S3_DIR/ceph.conf" -n client.rgw -f
	S3_RGW=$S3_PID
	s3_left=5
	until await s3_answers_or_gone; do
		s3_left=$((s3_left - 1))
		[ $s3_left -gt 0 ] || return
	done
	kill -0 "$S3_RGW"
}

s3_answers_or_gone() {
	! kill -0 "$S3_RGW" || s3_answers
}

s3_answers() {
	curl -q --noproxy '*' -fs -o /dev/null "http://127.0.0.1:$S3_PORT/"
}

# s3_kill: radosgw alone, at once; the data stays
s3_kill() {
	kill -KILL "$S3_RGW"
	wait "$S3_RGW" 2>/dev/null
}

s3_stop() {
	at_exit
}

# --- the objects, behind the commands' backs.  A path is BUCKET or BUCKET/KEY,
# --- not encoded.

s3_url() {
	printf 'http://127.0.0.1:%s/' "$S3_PORT"
	case $1 in
	*[!A-Za-z0-9_.~/-]*) printf '%s' "$1" | s3_encode / ;;
	*) printf '%s' "$1" ;;
	esac
}

# s3_encode [EXCEPT]: stdin, percent-encoded
s3_encode() {
	perl -pe "s{([^A-Za-z0-9_.~${1:-}-])}{sprintf '%%%02X', ord \$1}ges"
}

s3_curl() {
	curl -q -K "$S3_DIR/curlrc" "$@"
}

s3_mb() {
	s3_curl -X PUT -d '' "$(s3_url "$1")"
}

# s3_rb BUCKET: with all that is in it
s3_rb() {
	s3_ls "$1" | sed 's/ [0-9]*$//' | while IFS= read -r s3_name; do
		s3_rm "$1/$s3_name"
	done
	s3_curl -X DELETE "$(s3_url "$1")"
}

s3_put() { # PATH FILE
	s3_curl -T "$2" "$(s3_url "$1")"
}

s3_get() { # PATH, to stdout
	s3_curl "$(s3_url "$1")"
}

s3_rm() {
	s3_curl -X DELETE "$(s3_url "$1")"
}

# s3_ls BUCKET[/PREFIX]: "KEY SIZE" of all that begins so, in byte order
s3_ls() {
	s3_bucket=${1%%/*}
	s3_prefix=${1#"$s3_bucket"}
	s3_prefix=$(printf '%s' "${s3_prefix#/}" | s3_encode)
	s3_after=
	while :; do
		s3_curl "$(s3_url "$s3_bucket")?encoding-type=url&list-type=2&prefix=$s3_prefix&start-after=$s3_after" \
			>"$S3_DIR/page" || return
		perl -0777 -ne 'while (m{<Contents>.*?<Key>(.*?)</Key>.*?<Size>(\d+)</Size>}gs) {
			my ($k, $s) = ($1, $2);
			$k =~ s/&apos;/\x27/g;
			$k =~ s/&quot;/"/g;
			$k =~ s/&amp;/&/g;
			$k =~ s/%(..)/chr hex $1/ge;
			print "$k $s\n";
		}' "$S3_DIR/page" | tee "$S3_DIR/keys"
		grep -q '<IsTruncated>true' "$S3_DIR/page" || break
		s3_after=$(sed -n '$s/ [0-9]*$//p' "$S3_DIR/keys" |
			tr -d '\n' | s3_encode)
	done
}

s3_buckets() {
	s3_curl "$(s3_url "")" | grep -o '<Name>[^<]*' | sed 's/<Name>//'
}

# s3_uploads BUCKET: how many multipart uploads are open
s3_uploads() {
	s3_curl "$(s3_url "$1")?uploads=" | grep -o '<UploadId>' | wc -l
}

# s3_public BUCKET: anybody may read its objects
s3_public() {
	printf '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
		"Principal": "*", "Action": "s3:GetObject",
		"Resource": "arn:aws:s3:::%s/*"}]}' "$1" >"$S3_DIR/policy"
	s3_curl -T "$S3_DIR/policy" "$(s3_url "$1")?policy="
}

# s3_open BUCKET: anybody may do anything with it, without a signature; for
# tests/faults, in S3_BUCKET
s3_open() {
	printf '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
		"Principal": "*", "Action": "s3:*",
		"Resource": ["arn:aws:s3:::%s", "arn:aws:s3:::%s/*"]}]}' "$1" "$1" \
		>"$S3_DIR/policy"
	s3_curl -T "$S3_DIR/policy" "$(s3_url "$1")?policy="
	S3_BUCKET=$1
	export S3_BUCKET S3_PORT
}

# s3_session: credentials that last for a quarter of an hour, of another user who
# may do all: KEY SECRET TOKEN
s3_session() {
	# shellcheck disable=SC2086
	s3_quiet radosgw-admin $s3_conf -n client.rgw user create --uid=boss \
		--display-name=boss --admin --access-key=BOSS --secret-key=boss
	curl -q -sS --noproxy '*' --aws-sigv4 aws:amz:us-east-1:sts -u BOSS:boss \
		-d 'Action=GetSessionToken&DurationSeconds=900&Version=2011-06-15' \
		"http://127.0.0.1:$S3_PORT/" >"$S3_DIR/session"
	sed 's/.*<AccessKeyId>\([^<]*\)<.*<SecretAccessKey>\([^<]*\)<.*<SessionToken>\([^<]*\)<.*/\1 \2 \3/' \
		"$S3_DIR/session"
}

# s3_role ROLE USER: the role may do all, and the user, who may do nothing else,
# may take it on; the user's keys are USER and secretUSER
s3_role() {
	# shellcheck disable=SC2086
	{
		s3_quiet radosgw-admin $s3_conf -n client.rgw user create \
			--uid="$2" --display-name="$2" --access-key="$2" \
			--secret-key="secret$2" &&
			s3_quiet radosgw-admin $s3_conf -n client.rgw role create \
				--role-name="$1" --assume-role-policy-doc="{
				\"Version\": \"2012-10-17\", \"Statement\": [{
				\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\",
				\"Principal\": {\"AWS\":
					\"arn:aws:iam:::user/$2\"}}]}" &&
			s3_quiet radosgw-admin $s3_conf -n client.rgw \
				role-policy put --role-name="$1" \
				--policy-name=all --policy-doc='{
				"Version": "2012-10-17", "Statement": [{
				"Effect": "Allow", "Action": "s3:*",
				"Resource": "arn:aws:s3:::*"}]}'
	}
}

# --- two stores side by side: the directory $SEG_DIR, the bucket's $SEG_S3

# both DESC CMD...: on the one and on the other; the same status and output,
# which is left in out
both() {
	both_desc=$1
	shift
	# </dev/stdin: a file from its start again
	run env SEG_STORE="$SEG_DIR" "$@" </dev/stdin
	# shellcheck disable=SC2154 # set by run()
	both_status=$status
	cp "$T/out" "$T/out.dir"
	run env SEG_STORE="$SEG_S3" "$@" </dev/stdin
	is "$status" "$both_status" "$both_desc: status" || show_file err err
	same "$T/out" "$T/out.dir" "$both_desc: output"
}

# same_objects DESC: the same names and bytes; but claims have times in them
same_objects() {
	(cd "$SEG_DIR" && find . -type f -printf '%P %s\n' |
		grep -v /claims/ | LC_ALL=C sort) >want
	s3_ls "${SEG_S3#s3://}/" | sed "s,^${SEG_S3#s3://*/}/,," |
		grep -v /claims/ >got
	same got want "$1: the same objects"
	sed 's/ [0-9]*$//' want | while IFS= read -r object; do
		s3_get "${SEG_S3#s3://}/$object" | cmp - "$SEG_DIR/$object"
	done >differ 2>&1
	empty differ "$1: the same bytes"
}

# --- the fault proxy (tests/helper/faultproxy.c)

# s3_proxy: in front of radosgw; PROXY_PORT, and the files $T/rules, $T/log.
# The commands go through it from now on, the functions above do not.
s3_proxy() {
	: >>"$T/rules"
	: >>"$T/log"
	rm -f "$S3_DIR/proxy-port"
	setpriv --pdeathsig KILL faultproxy "$S3_PORT" "$T/rules" "$T/log" \
		>"$S3_DIR/proxy-port" 2>>"$S3_DIR/log/out" &
	S3_PIDS="$S3_PIDS $!"
	await test -s "$S3_DIR/proxy-port" || {
		fail "the fault proxy starts"
		done_testing
	}
	PROXY_PORT=$(cat "$S3_DIR/proxy-port")
	AWS_ENDPOINT_URL_S3=http://127.0.0.1:$PROXY_PORT
}

# rules LINE...: what the proxy does from now on; counts begin anew
rules() {
	printf '%s\n' "$@" >"$T/rules.new"
	mv "$T/rules.new" "$T/rules"
}

# requests [KIND]: how many there were since "log_clear"
requests() {
	if [ $# = 0 ]; then
		grep -c '' "$T/log"
	else
		grep -c "^$1 " "$T/log"
	fi
}

log_clear() {
	: >"$T/log"
}
