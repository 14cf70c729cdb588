#include "bus/messages/client_policy.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::SetDirectoryPolicy);
GFS_CODEC(gfs::bus::GetPolicy);
GFS_CODEC(gfs::bus::GetPolicy::Reply);
GFS_CODEC(gfs::bus::SetReplicas);
GFS_CODEC(gfs::bus::SetPolicy);
