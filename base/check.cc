#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace gfs {

void check_failed(std::string_view condition, std::string_view why, const char* file, int line) {
  std::fprintf(stderr, "event=check_failed condition=\"%.*s\" why=\"%.*s\" at=%s:%d\n", static_cast<int>(condition.size()),
               condition.data(), static_cast<int>(why.size()), why.data(), file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace gfs
