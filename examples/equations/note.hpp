// SPDX-License-Identifier: MIT
// Document 001, the note on DDPM: all of its checks, in the order of the text.
#pragma once

#include "note_forms.hpp"
#include "note_loss.hpp"
#include "note_overview.hpp"

namespace equations::note {

inline std::vector<Check> checks() {
  std::vector<Check> all;
  for (const auto& part : {overview_checks(), forward_checks(), posterior_checks(), form_checks(), noise_checks(),
                           elbo_checks(), loss_checks()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace equations::note
