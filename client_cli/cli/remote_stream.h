// An open remote file for the calling thread, piece by piece: for pipes and checksums, where the other end may block.
//
// The file itself lives and dies on the client's thread. One at a time per object; the calling thread.
#pragma once

#include <memory>
#include <string>

#include "client_cli/cli/transfer.h"

namespace gfs::cli {

class RemoteReader {
 public:
  explicit RemoteReader(Session& session) : session_(session) {}
  ~RemoteReader();

  Result<> open(const std::string& path);
  std::uint64_t size() const { return size_; }  // as of open()
  Result<Bytes> next();                         // empty at the end

 private:
  static Task<> open_file(RemoteReader& reader, Filesystem& filesystem, std::string path);
  static Task<Bytes> next_piece(RemoteReader& reader);
  static Task<> drop(RemoteReader& reader);

  Session& session_;
  std::uint64_t size_ = 0;
  std::shared_ptr<client::File> file_;  // the client's thread only
};

class RemoteWriter {
 public:
  RemoteWriter(Session& session, Leftovers& leftovers) : session_(session), leftovers_(leftovers) {}
  ~RemoteWriter();

  Result<> begin(RemoteTarget::Settings settings);
  Result<> append(std::string piece);
  Result<> finish();

 private:
  static Task<> begin_target(RemoteWriter& writer, Filesystem& filesystem, RemoteTarget::Settings settings);
  static Task<> append_piece(RemoteWriter& writer, Bytes bytes);
  static Task<> finish_target(RemoteWriter& writer);
  static Task<> drop(RemoteWriter& writer);

  Session& session_;
  Leftovers& leftovers_;
  std::shared_ptr<RemoteTarget> target_;  // the client's thread only
};

}  // namespace gfs::cli
