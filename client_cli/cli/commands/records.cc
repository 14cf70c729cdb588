#include "client_cli/cli/base64.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/transfer.h"
#include "client_cli/client/record_reader.h"

namespace gfs::cli {

namespace {

using client::Record;
using client::RecordReader;

constexpr std::size_t kAtOnce = 1 << 20;

// The reader lives and dies on the client's thread.
struct Reading {
  Session& session;
  std::string path;
  std::uint64_t from = 0;
  std::shared_ptr<RecordReader> reader;
};

Task<std::vector<Record>> some_records(Reading& reading, Filesystem& filesystem) {
  if (!reading.reader) {
    Filesystem::Open how = Filesystem::Open::read;
    std::shared_ptr<client::File> file = co_await filesystem.open(reading.path, how);
    reading.reader = std::make_shared<RecordReader>(std::move(file), filesystem.chunk_size(), reading.from);
  }
  std::vector<Record> records;
  for (std::size_t bytes = 0; bytes < kAtOnce;) {
    std::optional<Record> record = co_await reading.reader->next();
    if (!record) break;
    bytes += record->after - record->offset;
    records.push_back(std::move(*record));
  }
  co_return records;
}

Task<> drop(Reading& reading) {
  reading.reader.reset();
  co_return;
}

std::string length_prefix(std::size_t size) {
  std::string prefix;
  for (int shift = 24; shift >= 0; shift -= 8) prefix += static_cast<char>(size >> shift);
  return prefix;
}

// JSON's strings are characters: bytes that are none must not turn into others.
Json record_json(const std::string& path, const Record& record) {
  Json json{{"path", path}, {"offset", record.offset}, {"length", record.bytes.size()}};
  const bool text = is_utf8(record.bytes.view());
  json["record"] = text ? record.bytes.str() : base64(record.bytes.view());
  if (!text) json["base64"] = true;
  return json;
}

Result<> print_all(Reading& reading, bool length_prefixed) {
  Output& out = reading.session.out();
  while (true) {
    auto read = [&reading](Filesystem& filesystem) { return some_records(reading, filesystem); };
    Result<std::vector<Record>> records = reading.session.run<std::vector<Record>>(read);
    if (!records) return fail(std::move(records));
    if (records->empty()) return {};
    for (const Record& record : *records) {
      if (out.json()) {
        out.object(record_json(reading.path, record));
      } else if (length_prefixed) {
        out.data(length_prefix(record.bytes.size()));
        out.data(record.bytes.view());
      } else {
        out.data(record.bytes.view());
        out.data("\n");
      }
    }
    Result<> written = out.flush();
    if (!written) return written;
  }
}

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> path = session.path(arguments[0]);
  if (!path) return fail(std::move(path));
  Result<std::uint64_t> from = arguments.number("from", 0, 0, UINT64_MAX / 2);
  if (!from) return fail(std::move(from));
  Reading reading{session, *path, *from, {}};
  Result<> done = print_all(reading, arguments.has("length-prefixed"));
  if (reading.reader) (void)session.run_to_end<void>([&reading](Filesystem&) { return drop(reading); });
  if (!done) return fail(std::move(done));
  return kOk;
}

}  // namespace

const Command kRecords{
    .name = "records",
    .group = "Files",
    .usage = "PATH [--from OFFSET] ...",
    .summary = "reads back what rappend wrote, a record a line",
    .help =
        "Passes over gaps between chunks, and over anything that is no record. With --json, bytes that are not\n"
        "UTF-8 come as base64, and \"base64\":true says so.\n"
        "Example: records /logs/today --from 65536",
    .options = {{0, "from", "OFFSET", "a record begins there, as rappend or --json told: the first one to give"},
                {0, "length-prefixed", "", "instead of lines: a length of 4 bytes, the highest first, then so many"}},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
