#include "bus/messages/shadow_master.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::ShipLog);
GFS_CODEC(gfs::bus::ShipLog::Reply);
GFS_CODEC(gfs::bus::FetchCheckpoint);
GFS_CODEC(gfs::bus::FetchCheckpoint::Reply);
