#!/bin/sh
# tests/hardened.sh COMPILE LIBRARY FILE...: does each file have what the compiler
# and the linker put between a mistake and whoever found it?  COMPILE is the
# compiler with its options.  What says nothing is good.

compile=$1
library=$2
shift 2
status=0

# lacks FILE WHAT
lacks() {
	echo "$1: no $2" >&2
	status=1
}

# asks CONDITION WHAT: of the preprocessor, which knows what was asked for
asks() {
	# shellcheck disable=SC2086
	printf '#if !(%s)\n#error no\n#endif\n' "$1" |
		$compile -E -o /dev/null - 2>/dev/null || lacks "$compile" "$2"
}
asks '__OPTIMIZE__' "optimisation, without which nothing is fortified"
asks '_FORTIFY_SOURCE == 3' "-D_FORTIFY_SOURCE=3"
asks '__SSP_STRONG__ || __SSP_ALL__' -fstack-protector-strong
asks '__PIC__ || __PIE__' "-fPIC or -fPIE"
asks '!__x86_64__ || __CET__ == 3' -fcf-protection

# compiled FILE: gcc tells its options where there is debugging information; each
# of our objects has them, the commands' own too
compiled() {
	readelf --debug-dump=info --dwarf-depth=1 "$1" 2>/dev/null |
		sed -n 's/.*DW_AT_producer.*: \(GNU C[0-9]* .*\)/\1/p' >"$told"
	options='-fstack-protector-strong -fstack-clash-protection'
	! readelf -hW "$1" | grep -q 'Machine:.*X86-64' ||
		options="$options -fcf-protection"
	for option in $options; do
		! grep -qv -e "$option" "$told" ||
			lacks "$1" "$option in all its objects"
	done
}
told=$(mktemp) || exit
trap 'rm -f "$told"' EXIT

for file; do
	readelf -hW "$file" | grep -q 'Type: *DYN' || lacks "$file" PIE
	readelf -lW "$file" | grep -q 'GNU_RELRO' || lacks "$file" RELRO
	readelf -dW "$file" | grep -q 'BIND_NOW' || lacks "$file" "RELRO of all"
	readelf -lW "$file" | grep -q 'GNU_STACK.* RW ' ||
		lacks "$file" "stack that is data alone"
	! readelf -lW "$file" | grep -q 'LOAD.* RWE ' ||
		lacks "$file" "memory that is either written or run"
	! readelf -dW "$file" | grep -q '(TEXTREL)' || lacks "$file" "text that stays"
	! readelf -dW "$file" | grep -Eq '\((RPATH|RUNPATH)\)' ||
		lacks "$file" "search for libraries that the system alone decides"
	nm -D "$file" | grep -q ' __stack_chk_fail' ||
		lacks "$file" "stack protector"
	nm -D "$file" | grep -Eq ' __(v?snprintf|memcpy|read)_chk' ||
		lacks "$file" "checked library calls"
	compiled "$file"
done
# In our own objects: what else is linked may lack it, and the mark with it.
if readelf -hW "$1" | grep -q 'Machine:.*X86-64'; then
	objects=$(readelf -hW "$library" | grep -c '^File: ')
	marked=$(readelf -nW "$library" | grep -c 'IBT, SHSTK')
	[ "$objects" = "$marked" ] || lacks "$library" "CET in all its objects"
fi
exit $status
