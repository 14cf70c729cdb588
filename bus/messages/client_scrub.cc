#include "bus/messages/client_scrub.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::ScrubStatus);
GFS_CODEC(gfs::bus::ScrubStatus::Reply);
GFS_CODEC(gfs::bus::ControlScrub);
