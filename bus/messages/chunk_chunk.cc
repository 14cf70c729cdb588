#include "bus/messages/chunk_chunk.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::PrepareVersion);
GFS_CODEC(gfs::bus::PrepareVersion::Reply);
GFS_CODEC(gfs::bus::MakeEqual);
GFS_CODEC(gfs::bus::MakeEqual::Reply);
GFS_CODEC(gfs::bus::AdoptVersion);
GFS_CODEC(gfs::bus::AdoptVersion::Reply);
GFS_CODEC(gfs::bus::ReadReplica);
GFS_CODEC(gfs::bus::ReadReplica::Reply);
GFS_CODEC(gfs::bus::ApplyWrite);
GFS_CODEC(gfs::bus::ApplyWrite::Reply);
GFS_CODEC(gfs::bus::ApplyBatch);
GFS_CODEC(gfs::bus::ApplyBatch::Reply);
GFS_CODEC(gfs::bus::SyncReplica);
GFS_CODEC(gfs::bus::SyncReplica::Reply);
GFS_CODEC(gfs::bus::Committed);
GFS_CODEC(gfs::bus::AskCommitted);
GFS_CODEC(gfs::bus::AskCommitted::Reply);
