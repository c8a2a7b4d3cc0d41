# shellcheck shell=sh
# await CMD...: true at last, tried for two minutes: others may have the machine
await() {
	test_tries=2400
	until "$@" >/dev/null 2>&1; do
		test_tries=$((test_tries - 1))
		[ $test_tries -gt 0 ] || return 1
		sleep 0.05
	done
}
