/* The cable by which the proxy's decrypted requests reach Suricata (proxy/mirror.h): names and addresses both its ends go by. */
#ifndef IPS_MIRROR_H
#define IPS_MIRROR_H

#define MIRROR_OUTER "toride-mirror"   /* the proxy sends here … */
#define MIRROR_INNER "toride-mirror-i" /* … and Suricata reads here */
#define MIRROR_FROM "169.254.77.1"
#define MIRROR_TO "169.254.77.2" /* nobody's: at the inner end everything is dropped */
#define MIRROR_TO_MAC "02:00:a9:fe:4d:02"
#define MIRROR_PORT 4789
#define MIRROR_VLAN_MAX 4094 /* an organisation's index beyond it isn't mirrored */

#endif
