// A remote file that is appended to, for the calling thread: for pipes, where the other end may block.
//
// The appender itself lives and dies on the client's thread. One at a time per object; the calling thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client_cli/cli/session.h"

namespace gfs::cli {

class RemoteLog {
 public:
  explicit RemoteLog(Session& session) : session_(session) {}
  ~RemoteLog();

  Result<> open(const std::string& path, client::AppendOptions options);
  // In this order, at most `at_once` of them under way at a time; none is begun any more once one has failed. Each that
  // was begun has its outcome (of one that was interrupted: cancelled).
  std::vector<std::optional<Result<client::Appended>>> append(std::vector<Bytes> records, std::size_t at_once);
  Result<client::Appended> append_as(std::uint64_t sequence, Bytes record);
  // client::Appender::now_ms().
  Result<std::int64_t> now_ms();
  // What was appended is on every disk.
  Result<> close();

 private:
  static Task<> open_appender(RemoteLog& log, Filesystem& filesystem, std::string path, client::AppendOptions options);
  struct Group;
  static Task<> append_one(std::shared_ptr<client::Appender> appender, std::shared_ptr<Group> group, std::size_t i);
  static Task<> append_all(RemoteLog& log, std::shared_ptr<Group> group);
  static Task<> close_appender(RemoteLog& log);
  static Task<> drop(RemoteLog& log);

  Session& session_;
  std::shared_ptr<client::Appender> appender_;  // the client's thread only
};

// {"v":1,"path":…,"handle":"hex","offset":N,"length":N,"req":"client:seq","dup":bool}; the names are frozen.
Json appended_json(const std::string& path, const client::Appended& appended);

}  // namespace gfs::cli
