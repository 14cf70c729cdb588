#include "client_cli/cli/remote_log.h"

#include "client_cli/cli/transfer.h"

namespace gfs::cli {

using client::Appended;

Task<> RemoteLog::open_appender(RemoteLog& log, Filesystem& filesystem, std::string path,
                                client::AppendOptions options) {
  log.appender_ = co_await filesystem.open_appender(std::move(path), options);
}

// Outlives the work, which may be interrupted: what has an outcome by then keeps it.
struct RemoteLog::Group {
  std::vector<Bytes> records;
  std::size_t at_once = 1;
  std::vector<std::optional<Result<Appended>>> outcomes;
  bool failed = false;
};

Task<> RemoteLog::append_one(std::shared_ptr<client::Appender> appender, std::shared_ptr<Group> group, std::size_t i) {
  if (group->failed) co_return;
  group->outcomes[i] = fail(Code::cancelled, "interrupted");
  group->outcomes[i] = co_await appender->append(group->records[i]).outcome();
  if (!*group->outcomes[i]) group->failed = true;
}

Task<> RemoteLog::append_all(RemoteLog& log, std::shared_ptr<Group> group) {
  auto one = [&log, group](std::size_t i) { return append_one(log.appender_, group, i); };
  co_await for_each(group->records.size(), group->at_once, one);
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

std::vector<std::optional<Result<Appended>>> RemoteLog::append(std::vector<Bytes> records, std::size_t at_once) {
  auto group = std::make_shared<Group>(Group{std::move(records), at_once, {}});
  group->outcomes.resize(group->records.size());
  Result<> ran = session_.run<void>([this, group](Filesystem&) { return append_all(*this, group); });
  if (!ran && !group->failed && !group->outcomes.empty() && !group->outcomes.front()) {
    group->outcomes.front() = fail(Error(ran.error()));  // not even begun
  }
  return std::move(group->outcomes);
}

Result<Appended> RemoteLog::append_as(std::uint64_t sequence, Bytes record) {
  return session_.run<Appended>(
      [this, sequence, record](Filesystem&) { return appender_->append_as(sequence, record); });
}

Result<std::int64_t> RemoteLog::now_ms() {
  return session_.run<std::int64_t>([this](Filesystem&) { return appender_->now_ms(); });
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
