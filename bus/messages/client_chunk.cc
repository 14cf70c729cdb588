#include "bus/messages/client_chunk.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::PushFragment);
GFS_CODEC(gfs::bus::WriteChunk);
GFS_CODEC(gfs::bus::WriteChunk::Reply);
GFS_CODEC(gfs::bus::AppendChunk);
GFS_CODEC(gfs::bus::AppendChunk::Reply);
GFS_CODEC(gfs::bus::InspectChunk);
GFS_CODEC(gfs::bus::InspectChunk::Reply);
GFS_CODEC(gfs::bus::ReadChunk);
GFS_CODEC(gfs::bus::ReadChunk::Reply);
GFS_CODEC(gfs::bus::SyncChunk);
GFS_CODEC(gfs::bus::SyncChunk::Reply);
GFS_CODEC(gfs::bus::ChunkLength);
GFS_CODEC(gfs::bus::ChunkLength::Reply);
