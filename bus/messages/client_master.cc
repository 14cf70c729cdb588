#include "bus/messages/client_master.h"

#include "bus/codec_instances.h"

GFS_CODEC(gfs::bus::Hello);
GFS_CODEC(gfs::bus::Hello::Reply);
GFS_CODEC(gfs::bus::CreateFile);
GFS_CODEC(gfs::bus::MakeDirectory);
GFS_CODEC(gfs::bus::Stat);
GFS_CODEC(gfs::bus::Exists);
GFS_CODEC(gfs::bus::Exists::Reply);
GFS_CODEC(gfs::bus::List);
GFS_CODEC(gfs::bus::List::Reply);
GFS_CODEC(gfs::bus::Rename);
GFS_CODEC(gfs::bus::Remove);
GFS_CODEC(gfs::bus::Remove::Reply);
GFS_CODEC(gfs::bus::LocateForRead);
GFS_CODEC(gfs::bus::LocateForRead::Reply);
GFS_CODEC(gfs::bus::LocateForWrite);
GFS_CODEC(gfs::bus::LocateForAppend);
GFS_CODEC(gfs::bus::LocateForAppend::Reply);
GFS_CODEC(gfs::bus::Truncate);
GFS_CODEC(gfs::bus::CloseClient);
GFS_CODEC(gfs::bus::ListLeases);
GFS_CODEC(gfs::bus::ListLeases::Reply);
GFS_CODEC(gfs::bus::RevokeLease);
GFS_CODEC(gfs::bus::RevokeLease::Reply);
GFS_CODEC(gfs::bus::Checkpoint);
GFS_CODEC(gfs::bus::Checkpoint::Reply);
GFS_CODEC(gfs::bus::FindChunk);
GFS_CODEC(gfs::bus::FindChunk::Reply);
GFS_CODEC(gfs::bus::SetSize);
GFS_CODEC(gfs::bus::ListServers);
GFS_CODEC(gfs::bus::ListServers::Reply);
GFS_CODEC(gfs::bus::ClusterStatus);
GFS_CODEC(gfs::bus::ClusterStatus::Reply);
GFS_CODEC(gfs::bus::ListChunks);
GFS_CODEC(gfs::bus::ListChunks::Reply);
