// Does the check of a header block pass anything that leaves a second reading of where a request ends?
#include "platform/http/request_head.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view block(reinterpret_cast<const char*>(data), size);
    if (guildhall::http::fault_of_header_block(block)) return 0;
    const std::string_view head = block.substr(0, block.find("\r\n\r\n"));
    for (std::size_t i = 0; i < head.size(); ++i) {
        const bool is_cr = head[i] == '\r';
        if (is_cr != (i + 1 < head.size() && head[i + 1] == '\n')) std::abort();
        if (is_cr && i + 2 < head.size() && (head[i + 2] == ' ' || head[i + 2] == '\t')) std::abort();
    }
    return 0;
}
