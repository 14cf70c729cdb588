// A whole cluster in this process, and one file through it: make a directory, write, read back, compare.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/log.h"
#include "client_cli/client/blocking.h"
#include "client_cli/embedded/cluster.h"

namespace {

using namespace gfs;

Task<std::string> write_and_read(client::Filesystem& fs) {
  co_await fs.make_directory("/greetings", true);
  std::shared_ptr<client::File> file = co_await fs.open("/greetings/hello", client::Filesystem::Open::create_new);
  co_await file->append(Bytes::of("Hello, "));
  co_await file->append(Bytes::of("three replicas!\n"));
  co_await file->close();  // on every member's disk from here on

  std::shared_ptr<client::File> again = co_await fs.open("/greetings/hello", client::Filesystem::Open::read);
  std::string text;
  while (true) {
    Bytes piece = co_await again->next();
    if (piece.empty()) break;
    text += piece.view();
  }
  co_return text;
}

int run(const std::string& directory) {
  Result<std::unique_ptr<embedded::Cluster>> cluster = embedded::Cluster::open({.directory = directory});
  if (!cluster) {
    std::fprintf(stderr, "no cluster: %s\n", cluster.error().text().c_str());
    return 1;
  }
  client::Blocking gfs({.master = (*cluster)->master()});
  Result<std::string> text = gfs.run<std::string>(write_and_read);
  if (!text) {
    std::fprintf(stderr, "%s\n", text.error().text().c_str());
    return 1;
  }
  std::fputs(text->c_str(), stdout);
  return *text == "Hello, three replicas!\n" ? 0 : 1;
}

}  // namespace

int main() {
  gfs::log::set_level(gfs::log::Level::warn);
  std::string pattern = (std::filesystem::temp_directory_path() / "gfs-hello-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    std::perror("no temporary directory");
    return 1;
  }
  int status = run(pattern);
  std::filesystem::remove_all(pattern);
  return status;
}
