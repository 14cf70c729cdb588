#include "bus/messages/gossip.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::Ping);
GFS_CODEC(gfs::bus::Ack);
GFS_CODEC(gfs::bus::ProbeFor);
GFS_CODEC(gfs::bus::Nack);
GFS_CODEC(gfs::bus::Exchange);
GFS_CODEC(gfs::bus::FindMembers);
GFS_CODEC(gfs::bus::FindMembers::Reply);
GFS_CODEC(gfs::bus::ListMembers);
GFS_CODEC(gfs::bus::ListMembers::Reply);
