const degree = Math.PI / 180;
const dayMs = 86_400_000;
const j2000Ms = Date.UTC(2000, 0, 1, 12);

/**
 * Height of the sun above the horizon, degrees, without refraction; good to a few hundredths of a degree. Low-precision
 * formulae of the Astronomical Almanac (section C, "Sun").
 *
 * @param latitude degrees, north positive
 * @param longitude degrees, east positive
 */
export function sunElevation(epochMs: number, latitude: number, longitude: number): number {
  const days = (epochMs - j2000Ms) / dayMs;
  const meanLongitude = 280.46 + 0.9856474 * days;
  const anomaly = (357.528 + 0.9856003 * days) * degree;
  const eclipticLongitude = (meanLongitude + 1.915 * Math.sin(anomaly) + 0.02 * Math.sin(2 * anomaly)) * degree;
  const obliquity = (23.439 - 4e-7 * days) * degree;
  const rightAscension = Math.atan2(Math.cos(obliquity) * Math.sin(eclipticLongitude), Math.cos(eclipticLongitude));
  const declination = Math.asin(Math.sin(obliquity) * Math.sin(eclipticLongitude));
  const siderealDegrees = 280.46062 + 360.98564737 * days + longitude;
  const hourAngle = siderealDegrees * degree - rightAscension;
  const sine =
    Math.sin(latitude * degree) * Math.sin(declination) +
    Math.cos(latitude * degree) * Math.cos(declination) * Math.cos(hourAngle);
  return Math.asin(sine) / degree;
}
