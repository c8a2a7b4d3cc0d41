# shellcheck shell=sh
# Hosts to which ssh leads: servers of our own on the loopback, with keys of the
# moment.  Sourced after lib.sh.
#
#	ssh_host NAME [VAR=VALUE...]    one more, with these in its environment
#	ssh -F ssh_config NAME CMD      runs there
#	ssh_host_gone NAME              it is no more; all are at the end

ssh_servers=

# Root's sshd wants a directory that Debian makes when it starts the service.
ssh_keys() {
	ssh-keygen -q -t ed25519 -N '' -f host_key
	ssh-keygen -q -t ed25519 -N '' -f user_key
	[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
	cat >ssh_config <<-END
		Host *
		HostName 127.0.0.1
		User $(id -un)
		IdentityFile $T/user_key
		IdentitiesOnly yes
		UserKnownHostsFile $T/known
		StrictHostKeyChecking accept-new
		LogLevel ERROR
		BatchMode yes
	END
}

# With SHLVL a bash behind it is no login's, and reads nothing of the user's.
ssh_host() {
	[ -f ssh_config ] || ssh_keys
	ssh_name=$1
	shift
	cat >"sshd.$ssh_name" <<-END
		ListenAddress 127.0.0.1
		HostKey $T/host_key
		PidFile none
		AuthorizedKeysFile $T/user_key.pub
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		PermitRootLogin prohibit-password
		MaxStartups 100
		SetEnv SHLVL=2 PATH=$PATH TMPDIR=$TMPDIR $*
	END
	for ssh_try in 1 2 3 4 5; do
		# shellcheck disable=SC2086
		set -- $ssh_servers
		ssh_port=$((20000 + ($$ * 11 + $# * 4001 + ssh_try * 1009) % 30000))
		"$(PATH=$PATH:/usr/sbin command -v sshd)" -D -e \
			-f "sshd.$ssh_name" -p $ssh_port 2>"sshd.$ssh_name.log" &
		await ssh_is_up_or_gone $! "sshd.$ssh_name.log" &&
			kill -0 $! 2>/dev/null && break
	done
	ssh_servers="$ssh_servers $!"
	echo $! >"sshd.$ssh_name.pid"
	printf 'Host %s\nPort %s\n' "$ssh_name" "$ssh_port" >>ssh_config
}

ssh_is_up_or_gone() {
	grep -q 'Server listening' "$2" || ! kill -0 "$1" 2>/dev/null
}

ssh_host_gone() {
	kill "$(cat "sshd.$1.pid")"
}

ssh_stop() {
	for ssh_pid in $ssh_servers; do
		kill "$ssh_pid" 2>/dev/null
	done
}
