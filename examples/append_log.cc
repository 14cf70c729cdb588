// A log that several write to at once: four writers append records side by side, a reader gets each exactly once and
// every writer's in its order.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/task_group.h"
#include "client_cli/client/blocking.h"
#include "client_cli/client/record_reader.h"
#include "client_cli/client/record_writer.h"
#include "client_cli/embedded/cluster.h"

namespace {

using namespace gfs;

constexpr int kWriters = 4;
constexpr int kRecords = 250;  // of each

Task<> write(client::Filesystem& fs, int writer) {
  client::RecordWriter log(co_await fs.open_appender("/log"));
  std::vector<Task<client::Appended>> under_way;  // those that wait for one another's answer travel together
  for (int i = 0; i < kRecords; ++i) under_way.push_back(log.append(fmt::format("writer {} record {}", writer, i)));
  std::vector<Result<client::Appended>> done = co_await all_of(std::move(under_way));
  for (Result<client::Appended>& one : done) co_await std::move(one);  // each has an outcome of its own
  co_await log.appender().close();                                     // on every member's disk from here on
}

Task<int> read(client::Filesystem& fs) {
  std::shared_ptr<client::File> file = co_await fs.open("/log", client::Filesystem::Open::read);
  client::RecordReader records(std::move(file), fs.chunk_size());
  std::map<std::string, int> next;  // by writer
  while (true) {
    std::optional<client::Record> record = co_await records.next();
    if (!record) break;
    std::string text = record->bytes.str();
    std::string writer = text.substr(0, text.find(" record "));
    if (text != fmt::format("{} record {}", writer, next[writer]++))
      co_await fail(Code::internal, "out of order: {}", text);
  }
  int count = 0;
  for (const auto& [writer, records_of_it] : next) count += records_of_it;
  co_return count;
}

Task<int> write_and_read(client::Filesystem& fs) {
  std::vector<Task<>> writers;
  for (int i = 0; i < kWriters; ++i) writers.push_back(write(fs, i));
  std::vector<Result<>> written = co_await all_of(std::move(writers));
  for (Result<>& one : written) co_await std::move(one);
  co_return co_await read(fs);
}

int run(const std::string& directory) {
  Result<std::unique_ptr<embedded::Cluster>> cluster = embedded::Cluster::open({.directory = directory});
  if (!cluster) {
    std::fprintf(stderr, "no cluster: %s\n", cluster.error().text().c_str());
    return 1;
  }
  client::Blocking gfs({.master = (*cluster)->master()});
  Result<int> count = gfs.run<int>(write_and_read);
  if (!count) {
    std::fprintf(stderr, "%s\n", count.error().text().c_str());
    return 1;
  }
  std::printf("%d records of %d writers, each once and in order\n", *count, kWriters);
  return *count == kWriters * kRecords ? 0 : 1;
}

}  // namespace

int main() {
  gfs::log::set_level(gfs::log::Level::warn);
  std::string pattern = (std::filesystem::temp_directory_path() / "gfs-log-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    std::perror("no temporary directory");
    return 1;
  }
  int status = run(pattern);
  std::filesystem::remove_all(pattern);
  return status;
}
