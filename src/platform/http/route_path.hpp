#pragma once

#include <string_view>
#include <vector>

namespace guildhall::http {

/// The segments of a route's path: "v1", "posts" and "{post_id}" of "/v1/posts/{post_id}".
std::vector<std::string_view> segments_of(std::string_view path);

/// True for a segment that stands for any value: "{post_id}".
bool is_parameter(std::string_view segment);

}  // namespace guildhall::http
