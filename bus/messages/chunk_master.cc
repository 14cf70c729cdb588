#include "bus/messages/chunk_master.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::RegisterServer);
GFS_CODEC(gfs::bus::RegisterServer::Reply);
GFS_CODEC(gfs::bus::Heartbeat);
GFS_CODEC(gfs::bus::Heartbeat::Reply);
GFS_CODEC(gfs::bus::ReportChunks);
GFS_CODEC(gfs::bus::ReportChunks::Reply);
GFS_CODEC(gfs::bus::ReportDamage);
GFS_CODEC(gfs::bus::AccuseMember);
GFS_CODEC(gfs::bus::AccuseMember::Reply);
GFS_CODEC(gfs::bus::ChunkSealed);
GFS_CODEC(gfs::bus::SealChunk);
GFS_CODEC(gfs::bus::SealChunk::Reply);
GFS_CODEC(gfs::bus::TruncateChunk);
GFS_CODEC(gfs::bus::CloneChunk);
GFS_CODEC(gfs::bus::CloneChunk::Reply);
GFS_CODEC(gfs::bus::CopyChunk);
GFS_CODEC(gfs::bus::CopyChunk::Reply);
GFS_CODEC(gfs::bus::ReleaseChunk);
GFS_CODEC(gfs::bus::Configure);
GFS_CODEC(gfs::bus::Configure::Reply);
GFS_CODEC(gfs::bus::ProbeAddress);
