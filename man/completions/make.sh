#!/bin/sh
# make.sh bash|zsh|fish COMMAND...: completions for a shell, out of what the
# commands' own -h says, which comes from their tables of options.

shell=$1
shift

# COMMAND SHORT LONG ARGUMENT HELP of each option, by TABs; "-" for none
for command; do
	"$command" -h | sed -n -e :join -e '$!N' -e '/\n \{24\}[^ ]/{s/\n */ /' \
		-e 'b join' -e '}' -e P -e D |
		awk -v command="${command##*/}" '
		/^  -.,|^      --/ {
			short = "-"
			if ($1 ~ /^-.,$/) short = substr($1, 2, 1)
			sub(/^ *(-., )?--/, "")
			long = $1; arg = "-"
			sub(/^[^ ]+ +/, "")
			if (long ~ /\[=/) {
				arg = long; sub(/.*\[=/, "[", arg)
				sub(/\[.*/, "", long)
			} else if ($1 ~ /^[A-Z-]+$/ && $1 !~ /^(SQL|JSON)$/) {
				arg = $1; sub(/^[^ ]+ +/, "")
			}
			print command "\t" short "\t" long "\t" arg "\t" $0
		}'
done | case $shell in
bash)
	awk -F'\t' '
	BEGIN {
		print "# bash completion for segtools\n"
		print "_segtools()\n{"
		print "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}"
		print "\tlocal options= values="
		print "\tcase ${1##*/} in"
	}
	function flush() {
		if (was) print "\t" was ")\n\t\toptions=\"" options "\"" \
		    "\n\t\tvalues=\"" values "\" ;;"
		options = values = ""
	}
	$1 != was { flush(); was = $1; names = names " " $1 }
	{
		options = options (options ? " " : "") "--" $3
		if ($2 != "-") options = options " -" $2
		if ($4 ~ /^(-|\[.*)$/) next
		kind = $4 == "DIR" || $4 == "STORE" ? "dir" : \
		    $4 ~ /^(CATALOG|FILE|DB)$/ ? "file" : \
		    $4 == "CHECK" ? "none,quick,full" : \
		    $4 == "HOW" ? "all,log,levels,keep" : "none"
		values = values " --" $3 ":" kind
		if ($2 != "-") values = values " -" $2 ":" kind
	}
	END {
		flush()
		print "\tesac\n\tlocal value kind"
		print "\tfor value in $values; do"
		print "\t\t[ \"${value%%:*}\" = \"$prev\" ] || continue"
		print "\t\tkind=${value#*:}"
		print "\t\tcase $kind in"
		print "\t\tdir) mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;"
		print "\t\tfile) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;"
		print "\t\tnone) COMPREPLY=() ;;"
		print "\t\t*) mapfile -t COMPREPLY < <(compgen -W \"${kind//,/ }\" -- \"$cur\") ;;"
		print "\t\tesac\n\t\treturn\n\tdone"
		print "\tcase $cur in"
		print "\t-*) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\") ;;"
		print "\t*) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;"
		print "\tesac\n}"
		print "complete -o filenames -F _segtools" names
	}'
	;;
zsh)
	awk -F'\t' '
	function quote(s) { gsub(/\047/, "\047\\\047\047", s); return s }
	function help(s) {
		gsub(/\[/, "\\[", s); gsub(/\]/, "\\]", s)
		gsub(/:/, "\\:", s); return s
	}
	function action(arg) {
		return arg == "DIR" || arg == "STORE" ? "_directories" : \
		    arg ~ /^(CATALOG|FILE|DB)$/ ? "_files" : \
		    arg == "CHECK" ? "(none quick full)" : \
		    arg == "HOW" ? "(all log levels keep)" : " "
	}
	$1 != was { names = names " " $1; was = $1; n++ ; command[n] = $1 }
	{
		value = $4 == "-" ? "" : \
		    ($4 ~ /^\[/ ? "::" : ":") $4 ":" action($4)
		sub(/^::\[/, "::", value); sub(/\]:/, ":", value)
		eq = $4 == "-" ? "" : $4 ~ /^\[/ ? "=-" : "="
		one = "--" $3 eq "[" help($5) "]" value
		line = "\t\t\047" quote(one) "\047"
		if ($2 != "-") {
			plus = $4 == "-" ? "" : $4 ~ /^\[/ ? "-" : "+"
			line = line "\n\t\t\047" quote("-" $2 plus "[" help($5) "]" value) "\047"
		}
		rows[n] = rows[n] line "\n"
	}
	END {
		print "#compdef" names "\n"
		print "local -a options\ncase $service in"
		for (i = 1; i <= n; i++)
			print command[i] ")\n\toptions=(\n" rows[i] "\t) ;;"
		print "esac\n_arguments -s -S $options \047*:file:_files\047"
	}'
	;;
fish)
	awk -F'\t' '
	BEGIN { print "# fish completion for segtools" }
	{
		help = $5; gsub(/\047/, "\\\047", help)
		line = "complete -c " $1 " -l " $3
		if ($2 != "-") line = line " -s " $2
		if ($4 == "DIR" || $4 == "STORE")
			line = line " -x -a \047(__fish_complete_directories)\047"
		else if ($4 ~ /^(CATALOG|FILE|DB)$/) line = line " -r"
		else if ($4 == "CHECK") line = line " -x -a \047none quick full\047"
		else if ($4 == "HOW") line = line " -x -a \047all log levels keep\047"
		else if ($4 != "-" && $4 !~ /^\[/) line = line " -x"
		print line " -d \047" help "\047"
	}'
	;;
*)
	echo "usage: make.sh bash|zsh|fish COMMAND..." >&2
	exit 2
	;;
esac
