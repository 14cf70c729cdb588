#include "bus/envelope.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::Envelope);
