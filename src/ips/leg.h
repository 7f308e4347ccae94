/* The cables of the leg between the public sites' server and their origins: names all who make and use them go by (compile/nft_leg.c).
 * Suricata copies between LEG_INNER and LEG_PORT, the door (apply/door.h) stands on both. */
#ifndef IPS_LEG_H
#define IPS_LEG_H

#define LEG_OUTER "toride-leg"    /* the sites' server sends here; its far end is … */
#define LEG_INNER "i-toride-leg"  /* … where the inspection begins */
#define LEG_PORT "toride-leg-p"   /* where it ends; the far end of … */
#define LEG_BEHIND "toride-leg-o" /* … what leads to the origins */
/* Of both ends that have a stack behind them: nobody resolves addresses on the cable, so a frame to the other end bears this one's. */
#define LEG_MAC "02:00:a9:fe:4d:03"

#endif
