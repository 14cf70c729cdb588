#include "bus/messages/client_repair.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::MarkServer);
GFS_CODEC(gfs::bus::ForgetServer);
GFS_CODEC(gfs::bus::AskStop);
GFS_CODEC(gfs::bus::AskStop::Reply);
GFS_CODEC(gfs::bus::SetRepair);
GFS_CODEC(gfs::bus::ListRepairs);
GFS_CODEC(gfs::bus::ListRepairs::Reply);
GFS_CODEC(gfs::bus::ShowBalance);
GFS_CODEC(gfs::bus::ShowBalance::Reply);
GFS_CODEC(gfs::bus::Explain);
GFS_CODEC(gfs::bus::Explain::Reply);
