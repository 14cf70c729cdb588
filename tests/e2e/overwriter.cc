// Overwrites numbers in files where they stand, for snapshot_test.py: gfs-cli only replaces whole files.
//
//   e2e_overwriter MASTER
//   stdin:  PATH NUMBER      writes NUMBER as 16 digits at the file's begin, then once more 70000 bytes further on
//   stdout: NUMBER           as soon as both are acknowledged; the next line is read only then
//
// Ends with its input; with 1, and the reason on stderr, at the first write that fails.
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "base/log.h"
#include "client_cli/client/blocking.h"

namespace {

using namespace gfs;

constexpr std::uint64_t kFurtherOn = 70000;

using Files = std::map<std::string, std::shared_ptr<client::File>>;

Task<> overwrite(client::Filesystem& fs, Files& files, std::string path, std::string digits) {
  std::shared_ptr<client::File>& file = files[path];
  if (!file) file = co_await fs.open(path, client::Filesystem::Open::write);
  co_await file->write(0, Bytes::of(digits));
  co_await file->write(kFurtherOn, Bytes::of(digits));
}

int overwrite_all(const std::string& master) {
  client::Blocking gfs({.master = master});
  Files files;
  std::string path;
  std::uint64_t number = 0;
  int code = 0;
  while (code == 0 && std::cin >> path >> number) {
    auto work = [&](client::Filesystem& fs) { return overwrite(fs, files, path, fmt::format("{:016}", number)); };
    Result<> done = gfs.run<void>(work);
    if (done) {
      std::printf("%llu\n", static_cast<unsigned long long>(number));
      std::fflush(stdout);
      continue;
    }
    std::fprintf(stderr, "%s\n", done.error().text().c_str());
    code = 1;
  }
  (void)gfs.run<void>([&](client::Filesystem&) -> Task<> {
    files.clear();  // where they live
    co_return;
  });
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  log::set_level(log::Level::error);
  if (argc == 2) return overwrite_all(argv[1]);
  std::fprintf(stderr, "usage: e2e_overwriter MASTER\n");
  return 2;
}
