// For LD_PRELOAD: a disk whose fsync takes 2 ms longer, so that the gain of a grouped commit can be distinguished from
// the current speed of this machine's disk.

#include <dlfcn.h>
#include <time.h>

namespace {

constexpr timespec kLonger{0, 2'000'000};

int sync_slowly(const char* name, int file) {
    const auto sync = reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, name));
    const int outcome = sync(file);
    nanosleep(&kLonger, nullptr);
    return outcome;
}

}  // namespace

extern "C" int fsync(int file) { return sync_slowly("fsync", file); }
extern "C" int fdatasync(int file) { return sync_slowly("fdatasync", file); }
