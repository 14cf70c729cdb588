#include "bus/messages/types.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::Done);
GFS_CODEC(gfs::bus::FileInfo);
GFS_CODEC(gfs::bus::ChunkLayout);
