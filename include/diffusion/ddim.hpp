// SPDX-License-Identifier: MIT
// Everything of Song, Meng & Ermon, "Denoising diffusion implicit models", 2020, on top of ddpm.hpp.
#pragma once

#include "ddpm.hpp"
#include "sampler/ddim.hpp"  // eq. 12 and 16
