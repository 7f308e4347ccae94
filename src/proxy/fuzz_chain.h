/* A certificate of a hundred years and its authority, for fuzz targets alone. */
#ifndef PROXY_FUZZ_CHAIN_H
#define PROXY_FUZZ_CHAIN_H

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

static const char text[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBYzCCAQmgAwIBAgICEjQwCgYIKoZIzj0EAwIwDTELMAkGA1UEAwwCY2EwIBcN\n"
	"MjYxMTI5MDk1MzAzWhgPMjEyNjExMDQwOTUzMDNaMA8xDTALBgNVBAMMBGxlYWYw\n"
	"WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASNthrRzALTJnZ7BSNYN8ZH7tSwluty\n"
	"fGU8DgAHnbogXJLq6RvJMPlnFugEK62art322fSBYdbNGuZZNSwgEEsqo1UwUzAR\n"
	"BggrBgEFBQcBGAQFMAMCAQUwHQYDVR0OBBYEFGSFGA6EhxTVff7wkqViT05uVpeg\n"
	"MB8GA1UdIwQYMBaAFJhXrfe/3zBZgwSnBtHxi+hn2QBdMAoGCCqGSM49BAMCA0gA\n"
	"MEUCIHkscO0rHkBXPVdm59bJH6Vf2aRo1Zp9YelgaHVCtgOmAiEA6aV8Z91yYuBh\n"
	"w6G8x97T1j2WUcGh6B+XvifJz/64LrE=\n"
	"-----END CERTIFICATE-----\n"
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBcjCCARegAwIBAgIUER0e/+7Bhb5+0TOlHfkVOrL6olEwCgYIKoZIzj0EAwIw\n"
	"DTELMAkGA1UEAwwCY2EwIBcNMjYxMTI5MDk1MzAzWhgPMjEyNjExMDUwOTUzMDNa\n"
	"MA0xCzAJBgNVBAMMAmNhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7e6zKjaR\n"
	"f5lt6ssfQwFHLxU+K6Vl+neTJGSykvwAvzKnriQCzRsV1k5mYY84hH+/p+HoIWDe\n"
	"AL0FcEPkdepLE6NTMFEwHQYDVR0OBBYEFJhXrfe/3zBZgwSnBtHxi+hn2QBdMB8G\n"
	"A1UdIwQYMBaAFJhXrfe/3zBZgwSnBtHxi+hn2QBdMA8GA1UdEwEB/wQFMAMBAf8w\n"
	"CgYIKoZIzj0EAwIDSQAwRgIhAPcRdIjoc9UN03f+tAGECurpfG1+yItOGi5M48M/\n"
	"0mJuAiEAl+oD9rSdh0Xn1shv+wXJNAX/alZMqoctgFWDsjXKOEk=\n"
	"-----END CERTIFICATE-----\n";

static STACK_OF(X509) *chain;
static X509_STORE *store;

static void chain_begin(void)
{
	BIO *b = BIO_new_mem_buf(text, -1);
	X509 *x;
	chain = sk_X509_new_null();
	store = X509_STORE_new();
	while ((x = PEM_read_bio_X509(b, NULL, NULL, NULL)))
		sk_X509_push(chain, x);
	BIO_free(b);
	if (sk_X509_num(chain) != 2 || X509_STORE_add_cert(store, sk_X509_value(chain, 1)) != 1)
		abort();
}

#endif
