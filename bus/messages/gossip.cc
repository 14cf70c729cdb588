#include "bus/messages/gossip.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::Ping);
GFS_CODEC(gfs::bus::Ack);
GFS_CODEC(gfs::bus::ProbeFor);
GFS_CODEC(gfs::bus::Nack);
GFS_CODEC(gfs::bus::Exchange);
