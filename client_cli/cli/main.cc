// gfs-cli: see cli.h.
#include <unistd.h>

#include "base/log.h"
#include "bus/zmq_context.h"
#include "client_cli/cli/cli.h"
#include "client_cli/cli/interrupt.h"

int main(int count, char** arguments) {
  gfs::bus::tune_memory();
  gfs::bus::raise_descriptor_limit();
  gfs::cli::catch_interrupts();
  // With --local servers live in this process: what they find odd is told, their everyday story is not.
  gfs::log::set_level(gfs::log::Level::warn);
  std::vector<std::string> words(arguments + (count > 0 ? 1 : 0), arguments + count);
  return gfs::cli::run(std::move(words), {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO});
}
