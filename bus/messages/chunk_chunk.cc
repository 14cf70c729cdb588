#include "bus/messages/chunk_chunk.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::AdoptVersion);
GFS_CODEC(gfs::bus::AdoptVersion::Reply);
GFS_CODEC(gfs::bus::ApplyWrite);
GFS_CODEC(gfs::bus::ApplyWrite::Reply);
GFS_CODEC(gfs::bus::SyncReplica);
GFS_CODEC(gfs::bus::SyncReplica::Reply);
