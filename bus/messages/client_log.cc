#include "bus/messages/client_log.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::ViewLog);
GFS_CODEC(gfs::bus::ViewLog::Reply);
GFS_CODEC(gfs::bus::ReadLog);
GFS_CODEC(gfs::bus::ReadLog::Reply);
