/* URLs, for people and logs. */
#ifndef OPS_BASE_URL_H
#define OPS_BASE_URL_H

enum { OPS_URL_SHOWN_SIZE = 256 };

/* Writes url without the user and the password that may stand before its host (RFC 3986, section 3.2.1), which are for the
 * server alone; cut to the size. What is no URL is written as it is. Returns ret_shown. */
const char *ops_url_show(const char *url, char ret_shown[static OPS_URL_SHOWN_SIZE]);

#endif
