/* key: see key.h. */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/number.h"
#include "base/utf8.h"
#include "format/key.h"

bool
key_parse(struct key *key, const char *s, size_t len)
{
	uint64_t not_end;

	if (len != KEY_LEN || s[20] != '-' || s[41] != '-')
		return false;
	if (!number_u64(s, 20, &not_end) ||
	    !number_u64(s + 21, 20, &key->start) ||
	    !number_u64(s + 42, 20, &key->time))
		return false;
	key->end = UINT64_MAX - not_end;
	return key->start >= 1 && key->start <= key->end;
}

const char *
key_text(const struct key *key, char text[KEY_LEN + 1])
{
	const uint64_t part[] = {UINT64_MAX - key->end, key->start, key->time};
	char *p = text;

	for (int i = 0; i < 3; i++) {
		p += number_text(part[i], NUMBER_MAX, p);
		*p++ = '-';
	}
	text[KEY_LEN] = 0;
	return text;
}

int
key_cmp(const struct key *a, const struct key *b)
{
	if (a->end != b->end)
		return a->end < b->end ? -1 : 1;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return 0;
}

const char *
frames_missing(uint64_t first, uint64_t last, char text[FRAMES_TEXT_MAX])
{
	if (first == last)
		snprintf(text, FRAMES_TEXT_MAX, "frame %llu is missing",
		    (unsigned long long)first);
	else
		snprintf(text, FRAMES_TEXT_MAX, "frames %llu-%llu are missing",
		    (unsigned long long)first, (unsigned long long)last);
	return text;
}

bool
namespace_valid(const char *text, size_t len)
{
	uint32_t c;
	size_t n;

	if (len < 1 || len > NAMESPACE_MAX)
		return false;
	if (text[0] == '.' && (len == 1 || (len == 2 && text[1] == '.')))
		return false;
	for (size_t i = 0; i < len; i += n) {
		n = utf8_next(text + i, len - i, &c);
		if (n == 0 || c == '/' || utf8_is_control(c))
			return false;
	}
	return true;
}

bool
names_end_of_set(const char *text, size_t len)
{
	return (len == strlen(SET_END) && memcmp(text, SET_END, len) == 0) ||
	       (len == strlen(SET_FAILED) &&
		   memcmp(text, SET_FAILED, len) == 0);
}

static bool
set_namespace(struct name *name, const char *text, size_t len)
{
	if (!namespace_valid(text, len))
		return false;
	memcpy(name->namespace, text, len);
	name->namespace[len] = 0;
	return true;
}

void
name_set(struct name *name, const char *namespace, const struct key *key)
{
	*name = (struct name){.key = *key};
	memcpy(name->namespace, namespace, strlen(namespace));
}

bool
name_parse(struct name *name, const char *text)
{
	const char *slash = strrchr(text, '/');

	return slash && set_namespace(name, text, (size_t)(slash - text)) &&
	       key_parse(&name->key, slash + 1, strlen(slash + 1));
}

/* The namespace of a file in directory dir[0..len): its last component, or the
 * directory's real name where that says nothing. */
static bool
namespace_of_dir(struct name *name, const char *dir, size_t len)
{
	char path[PATH_MAX], real[PATH_MAX];
	const char *base;

	while (len > 1 && dir[len - 1] == '/')
		len--;
	base = dir + len;
	while (base > dir && base[-1] != '/')
		base--;
	if (set_namespace(name, base, (size_t)(dir + len - base)))
		return true;
	if (len >= sizeof(path))
		return false;
	memcpy(path, len ? dir : ".", len ? len : 1);
	path[len ? len : 1] = 0;
	if (!realpath(path, real))
		return false;
	base = strrchr(real, '/');
	return set_namespace(name, base + 1, strlen(base + 1));
}

bool
name_parse_path(struct name *name, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	if (strlen(base) != KEY_LEN + 4 ||
	    (strcmp(base + KEY_LEN, ".seg") != 0 &&
		strcmp(base + KEY_LEN, ".idx") != 0) ||
	    !key_parse(&name->key, base, KEY_LEN))
		return false;
	return namespace_of_dir(name, path, (size_t)(base - path));
}

char *
name_path(const char *dir, const struct name *name, enum part part)
{
	char text[KEY_LEN + 1];
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	return xasprintf("%.*s%s%s/%s.%s", (int)len, dir,
	    len == 1 && dir[0] == '/' ? "" : "/", name->namespace,
	    key_text(&name->key, text), part == PART_INDEX ? "idx" : "seg");
}

char *
name_object(const char *cluster, const struct name *name, enum part part)
{
	char text[KEY_LEN + 1];

	return xasprintf("v2/clusters/%s/namespaces/%s/%s%s%s", cluster,
	    name->namespace, part_prefix(part), key_text(&name->key, text),
	    part == PART_ZSTD ? ".zst" : "");
}

const char *
part_prefix(enum part part)
{
	return part == PART_INDEX ? "indexes/" : "segments/";
}

bool
object_parse(struct key *key, enum part *part, const char *object)
{
	for (enum part p = PART_SEGMENT; p <= PART_ZSTD; p++) {
		size_t n = strlen(part_prefix(p)), end = strlen(object);

		*part = p;
		if (strncmp(object, part_prefix(p), n) != 0)
			continue;
		if (p == PART_ZSTD) {
			if (end < n + 4 ||
			    strcmp(object + end - 4, ".zst") != 0)
				continue;
			end -= 4;
		}
		if (key_parse(key, object + n, end - n))
			return true;
	}
	return false;
}

bool
prefix_is_of_namespaces(const char *prefix)
{
	static const char before[] = "v2/clusters/", after[] = "/namespaces/";

	return strncmp(prefix, before, sizeof(before) - 1) == 0 &&
	       strcmp(prefix + sizeof(before) - 1 +
			  strcspn(prefix + sizeof(before) - 1, "/"),
		   after) == 0;
}

char *
namespace_prefix(const char *cluster, const char *namespace)
{
	return xasprintf("v2/clusters/%s/namespaces/%s%s", cluster,
	    namespace ? namespace : "", namespace ? "/" : "");
}

char *
claims_prefix(const char *cluster, const char *namespace)
{
	return xasprintf("v2/clusters/%s/claims/%s%s", cluster,
	    namespace ? namespace : "", namespace ? "/" : "");
}
