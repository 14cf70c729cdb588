#include "bus/messages/collection.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::ListHeld);
GFS_CODEC(gfs::bus::ListHeld::Reply);
GFS_CODEC(gfs::bus::CollectChunks);
GFS_CODEC(gfs::bus::CollectChunks::Reply);
GFS_CODEC(gfs::bus::AllowCollection);
GFS_CODEC(gfs::bus::AllowCollection::Reply);
GFS_CODEC(gfs::bus::RestoreChunk);
GFS_CODEC(gfs::bus::RestoreChunk::Reply);
GFS_CODEC(gfs::bus::PurgeQuarantine);
GFS_CODEC(gfs::bus::PurgeQuarantine::Reply);
GFS_CODEC(gfs::bus::ListQuarantine);
GFS_CODEC(gfs::bus::ListQuarantine::Reply);
GFS_CODEC(gfs::bus::CollectionStatus);
GFS_CODEC(gfs::bus::CollectionStatus::Reply);
