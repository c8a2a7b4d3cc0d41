#!/bin/sh
# tests/hardened.sh LIBRARY FILE...: does each file have what the compiler and
# the linker put between a mistake and whoever found it?  What says nothing is
# good.

library=$1
shift
status=0

# lacks FILE WHAT
lacks() {
	echo "$1: no $2" >&2
	status=1
}

for file; do
	readelf -hW "$file" | grep -q 'Type: *DYN' || lacks "$file" PIE
	readelf -lW "$file" | grep -q 'GNU_RELRO' || lacks "$file" RELRO
	readelf -dW "$file" | grep -q 'BIND_NOW' || lacks "$file" "RELRO of all"
	readelf -lW "$file" | grep -q 'GNU_STACK.* RW ' ||
		lacks "$file" "stack that is data alone"
	nm -D "$file" | grep -q ' __stack_chk_fail' ||
		lacks "$file" "stack protector"
	nm -D "$file" | grep -Eq ' __(v?snprintf|memcpy|read)_chk' ||
		lacks "$file" "checked library calls"
done
# In our own objects: what else is linked may lack it, and the mark with it.
if readelf -hW "$1" | grep -q 'Machine:.*X86-64'; then
	objects=$(readelf -hW "$library" | grep -c '^File: ')
	marked=$(readelf -nW "$library" | grep -c 'IBT, SHSTK')
	[ "$objects" = "$marked" ] || lacks "$library" "CET in all its objects"
fi
exit $status
