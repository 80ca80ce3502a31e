// SPDX-License-Identifier: MIT
// The derivations of the papers as functions that a user calls on a schedule, a model or a chain of his own.
#pragma once

#include "verify/chain.hpp"
#include "verify/denoiser.hpp"
#include "verify/schedule.hpp"
