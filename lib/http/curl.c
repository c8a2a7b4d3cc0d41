/* curl: see curl.h. */

#include <dlfcn.h>
#include <stdbool.h>

#include "http/curl.h"

struct curl_functions curl;

/* dlerror() tells why not. */
static bool
curl_load(void)
{
	static const char *const names[] = {
	    "libcurl.so.4", "libcurl-gnutls.so.4"};
	void *lib = dlopen(names[0], RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		lib = dlopen(names[1], RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return false;
#define CURL_FIND(name) \
	*(void **)&curl.name = dlsym(lib, "curl_" #name); \
	if (!curl.name) \
		return false;
	CURL_FUNCTIONS(CURL_FIND)
	return true;
}

enum rc
curl_begin(void)
{
	static bool begun;

	if (begun)
		return RC_OK;
	if (!curl_load())
		return msg_fail(RC_USAGE,
		    "a bucket takes libcurl.so.4 or libcurl-gnutls.so.4, "
		    "which cannot be loaded: %s",
		    dlerror());
	if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return msg_fail(RC_SYSTEM, "libcurl cannot be used");
	begun = true;
	return RC_OK;
}
