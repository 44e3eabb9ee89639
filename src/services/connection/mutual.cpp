#include "services/connection/mutual.hpp"

#include <algorithm>
#include <utility>

namespace guildhall::connection {
namespace {

/// Past this ratio of sizes, a binary search for each id of the smaller list is quicker than walking the larger one.
constexpr std::size_t kMutualSearchRatio = 16;

}  // namespace

Ids common(const Ids& a, const Ids& b, const user::UserSet& hidden) {
    const Ids& small = a.size() <= b.size() ? a : b;
    const Ids& large = a.size() <= b.size() ? b : a;
    const bool is_skewed = large.size() / kMutualSearchRatio > small.size();
    auto at = large.begin();
    Ids out;
    for (const UserId id : small) {
        if (is_skewed) {
            at = std::lower_bound(at, large.end(), id);
        } else {
            while (at != large.end() && *at < id) ++at;
        }
        if (at == large.end()) break;
        if (*at == id && !hidden.contains(id)) out.push_back(id);
    }
    return out;
}

}  // namespace guildhall::connection
