#include "bus/messages/client_trash.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::ListTrash);
GFS_CODEC(gfs::bus::ListTrash::Reply);
GFS_CODEC(gfs::bus::RestoreTrash);
GFS_CODEC(gfs::bus::PurgeTrash);
GFS_CODEC(gfs::bus::PurgeTrash::Reply);
