// A file or directory as ls and stat give it with --json. The field names are frozen (tests/cli/verbs_test.cc).
#pragma once

#include "client_cli/cli/output.h"
#include "client_cli/client/filesystem.h"

namespace gfs::cli {

inline Json file_json(const client::FileInfo& info) {
  return {{"path", info.path},       {"type", info.type == client::FileType::directory ? "dir" : "file"},
          {"size", info.size},       {"replicas", info.replicas},
          {"chunks", info.chunks},   {"mtime_ms", info.mtime_ms},
          {"inode", hex(info.inode)}};
}

inline std::string_view ack_text(bus::AckMode ack) { return ack == bus::AckMode::primary ? "primary" : "all"; }

}  // namespace gfs::cli
