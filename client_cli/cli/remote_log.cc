#include "client_cli/cli/remote_log.h"

namespace gfs::cli {

using client::Appended;

Task<> RemoteLog::open_appender(RemoteLog& log, Filesystem& filesystem, std::string path,
                                client::AppendOptions options) {
  log.appender_ = co_await filesystem.open_appender(std::move(path), options);
}

Task<std::vector<Result<Appended>>> RemoteLog::append_all(RemoteLog& log, std::vector<Bytes> records) {
  std::vector<Task<Appended>> appends;
  for (Bytes& record : records) appends.push_back(log.appender_->append(std::move(record)));
  co_return co_await all_of(std::move(appends));
}

Task<> RemoteLog::close_appender(RemoteLog& log) { co_await log.appender_->close(); }

Task<> RemoteLog::drop(RemoteLog& log) {
  log.appender_.reset();
  co_return;
}

RemoteLog::~RemoteLog() {
  if (appender_) (void)session_.run_to_end<void>([this](Filesystem&) { return drop(*this); });
}

Result<> RemoteLog::open(const std::string& path, client::AppendOptions options) {
  return session_.run<void>(
      [this, path, options](Filesystem& filesystem) { return open_appender(*this, filesystem, path, options); });
}

Result<std::vector<Result<Appended>>> RemoteLog::append(std::vector<Bytes> records) {
  return session_.run<std::vector<Result<Appended>>>(
      [this, records = std::move(records)](Filesystem&) { return append_all(*this, records); });
}

Result<Appended> RemoteLog::append_as(std::uint64_t sequence, Bytes record) {
  return session_.run<Appended>(
      [this, sequence, record](Filesystem&) { return appender_->append_as(sequence, record); });
}

Result<> RemoteLog::close() {
  return session_.run<void>([this](Filesystem&) { return close_appender(*this); });
}

Json appended_json(const std::string& path, const Appended& appended) {
  return {{"path", path},
          {"handle", hex(appended.handle)},
          {"offset", appended.offset},
          {"length", appended.length},
          {"req", appended.request.text()},
          {"dup", appended.repeat}};
}

}  // namespace gfs::cli
