#include "bus/messages/client_snapshot.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::CreateSnapshot);
GFS_CODEC(gfs::bus::CreateSnapshot::Reply);
GFS_CODEC(gfs::bus::ListSnapshots);
GFS_CODEC(gfs::bus::ListSnapshots::Reply);
GFS_CODEC(gfs::bus::RemoveSnapshot);
GFS_CODEC(gfs::bus::RemoveSnapshot::Reply);
GFS_CODEC(gfs::bus::MakeReadable);
GFS_CODEC(gfs::bus::CompareTrees);
GFS_CODEC(gfs::bus::CompareTrees::Reply);
