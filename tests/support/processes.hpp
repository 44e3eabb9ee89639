#pragma once

#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include <sys/types.h>

namespace guildhall::test {

/// The output of a shell command, standard output and error. Throws std::runtime_error with this output when it fails.
inline std::string output_of(const std::string& command) {
    std::FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer{};
    while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
        output.append(buffer.data(), count);
    if (::pclose(pipe) != 0) throw std::runtime_error(output);
    return output;
}

/// True when a process has ended; its parent may be slow to reap it.
inline bool is_over(pid_t pid) {
    if (::kill(pid, 0) != 0) return true;
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    return text.find(") Z") != std::string::npos;
}

}  // namespace guildhall::test
